-- Contradictions within seeds/sync, which the checks of single cells (column_problems) cannot find.
-- One row per problem.
with

sync_destinations as (
    select * from {{ ref('sync_destinations') }}
),

sync_routes as (
    select * from {{ ref('sync_routes') }}
),

sync_fields as (
    select * from {{ ref('sync_fields') }}
),

sync_values as (
    select * from {{ ref('sync_values') }}
),

-- The fields that each payload has, listed by the macro sync_fields, not by the seed of that name.
payload_fields as (
    {% for object_type, fields in sync_fields().items() -%}
    {% set outer_loop = loop -%}
    {% for field in fields -%}
    select
        '{{ object_type }}' as object_type,
        '{{ field }}' as field
    {% if not (loop.last and outer_loop.last) -%} union all {%- endif %}
    {% endfor %}
    {%- endfor %}
),

field_counts as (
    select
        destination,
        object_type,
        count(*) as field_count,
        sum(case when field = 'sync_key' then 1 else 0 end) as key_count
    from sync_fields
    group by destination, object_type
),

routes_with_problem as (
    select
        sync_routes.destination,
        sync_routes.object_type,
        case
            when sync_routes.path not like '/%' then 'the path does not begin with a slash.'
            when
                not coalesce(
                    {{ is_json_object("'{\"body\": ' || sync_routes.body || '}'") }}, false
                )
                then 'the body is not JSON.'
            when
                sync_routes.body not like '%"{sync_key}"%'
                and sync_routes.body not like '%"{payload}"%'
                and coalesce(sync_routes.path not like '%{sync_key}%', true)
                and (
                    sync_routes.body not like '%"{fields}"%'
                    or coalesce(field_counts.key_count, 0) = 0
                )
                then 'nothing in it says which object it is of.'
            when
                sync_routes.body like '%"{fields}"%'
                and field_counts.field_count is null
                then 'it sends fields and sync_fields.csv names none.'
        end as problem
    from sync_routes
    left join field_counts
        on
            sync_routes.destination = field_counts.destination
            and sync_routes.object_type = field_counts.object_type
),

fields_with_problem as (
    select
        sync_fields.destination,
        sync_fields.object_type,
        sync_fields.target,
        case
            when sync_routes.destination is null then 'the object is not routed there.'
            when payload_fields.field is null
                then 'the payload has no field ' || sync_fields.field || '.'
        end as problem
    from sync_fields
    left join sync_routes
        on
            sync_fields.destination = sync_routes.destination
            and sync_fields.object_type = sync_routes.object_type
    left join payload_fields
        on
            sync_fields.object_type = payload_fields.object_type
            and sync_fields.field = payload_fields.field
),

problems as (
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || destination as row_key,
        'its name cannot stand in the name of an environment variable.' as problem,
        'Use lower-case letters, digits and underscores.' as remedy
    from sync_destinations
    where translate(destination, 'abcdefghijklmnopqrstuvwxyz0123456789_', '') <> ''
    union all
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || destination as row_key,
        'success_field and success_value go together.' as problem,
        'Fill in both or neither.' as remedy
    from sync_destinations
    where (success_field is null) <> (success_value is null)
    union all
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || sync_destinations.destination as row_key,
        'it is active and nothing is routed to it.' as problem,
        'Add a row to sync_routes.csv, or set is_active to false.' as remedy
    from sync_destinations
    left join sync_routes
        on sync_destinations.destination = sync_routes.destination
    where sync_destinations.is_active and sync_routes.destination is null
    union all
    select
        'sync/sync_routes.csv' as file_path,
        'destination ' || destination || ', object_type ' || object_type as row_key,
        problem,
        'Begin the path with a slash or leave it blank, and write the body in JSON. Name '
        || '{sync_key} in one of them, or {payload} or the field sync_key (sync_fields.csv) in the '
        || 'body.' as remedy
    from routes_with_problem
    where problem is not null
    union all
    select
        'sync/sync_fields.csv' as file_path,
        'destination ' || destination || ', object_type ' || object_type || ', target ' || target
            as row_key,
        problem,
        'Name a route of sync_routes.csv and a column of the sync mart.' as remedy
    from fields_with_problem
    where problem is not null
    union all
    select
        'sync/sync_values.csv' as file_path,
        'destination ' || sync_values.destination || ', object_type ' || sync_values.object_type
        || ', field ' || sync_values.field as row_key,
        'the field is not sent there.' as problem,
        'Name a row of sync_fields.csv.' as remedy
    from sync_values
    left join sync_fields
        on
            sync_values.destination = sync_fields.destination
            and sync_values.object_type = sync_fields.object_type
            and sync_values.field = sync_fields.field
    where sync_fields.field is null
)

select * from problems
