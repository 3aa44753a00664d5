-- noqa: disable=RF02
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

milestone_catalog as (
    select * from {{ ref('milestone_catalog') }}
),

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

payload_types as (
    select distinct object_type from payload_fields
),

destination_names as (
    select distinct destination from sync_destinations
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

destination_problems as (
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || coalesce(destination, 'nothing') as row_key,
        'the destination stands more than once.' as problem,
        'Keep one row.' as remedy
    from sync_destinations
    group by destination
    having count(*) > 1
    union all
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || coalesce(destination, 'nothing') as row_key,
        'its name cannot stand in the name of an environment variable.' as problem,
        'Use lower-case letters, digits and underscores.' as remedy
    from sync_destinations
    where
        coalesce(
            destination = ''
            or translate(destination, 'abcdefghijklmnopqrstuvwxyz0123456789_', '') <> '',
            true
        )
    union all
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || destination as row_key,
        'a cell is blank that must be filled, or a number is out of range.' as problem,
        'Fill in is_active and secret_header; let requests, per_seconds, max_attempts and '
        || 'stop_after_failures be 1 or more, timeout_seconds above 0, first_wait_seconds above 0 '
        || 'and not above max_wait_seconds, and min_success_share from 0 to below 1.' as remedy
    from sync_destinations
    where
        is_active is null
        or secret_header is null
        or not coalesce(
            requests >= 1
            and per_seconds >= 1
            and timeout_seconds > 0
            and max_attempts >= 1
            and first_wait_seconds > 0
            and first_wait_seconds <= max_wait_seconds
            and stop_after_failures >= 1
            and min_success_share >= 0
            and min_success_share < 1,
            false
        )
    union all
    select
        'sync/sync_destinations.csv' as file_path,
        'destination ' || destination as row_key,
        case
            when coalesce(value_format not in ('json', 'text'), true)
                then 'unknown value_format ' || coalesce(value_format, 'nothing') || '.'
            when (success_field is null) <> (success_value is null)
                then 'success_field and success_value go together.'
        end as problem,
        'Use json or text, and fill in both success_field and success_value or neither.' as remedy
    from sync_destinations
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
),

route_problems as (
    select
        'sync/sync_routes.csv' as file_path,
        'destination ' || coalesce(destination, 'nothing')
        || ', object_type ' || coalesce(object_type, 'nothing') as row_key,
        'the route stands more than once.' as problem,
        'Keep one row.' as remedy
    from sync_routes
    group by destination, object_type
    having count(*) > 1
    union all
    select
        'sync/sync_routes.csv' as file_path,
        'destination ' || coalesce(sync_routes.destination, 'nothing')
        || ', object_type ' || coalesce(sync_routes.object_type, 'nothing') as row_key,
        case
            when destination_names.destination is null then 'unknown destination.'
            when payload_types.object_type is null then 'unknown object_type.'
            when coalesce(sync_routes.method not in ('POST', 'PUT', 'PATCH'), true)
                then 'unknown method.'
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
        end as problem,
        'Name a destination of sync_destinations.csv, an object of '
        || '{{ sync_fields() | join(", ") }}, POST, PUT or PATCH, a path from its slash on '
        || 'or none, and a body in JSON. {sync_key} or {payload} must stand there, or the field '
        || 'sync_key in sync_fields.csv.' as remedy
    from sync_routes
    left join destination_names
        on sync_routes.destination = destination_names.destination
    left join payload_types
        on sync_routes.object_type = payload_types.object_type
    left join field_counts
        on
            sync_routes.destination = field_counts.destination
            and sync_routes.object_type = field_counts.object_type
),

field_problems as (
    select
        'sync/sync_fields.csv' as file_path,
        'destination ' || coalesce(destination, 'nothing')
        || ', object_type ' || coalesce(object_type, 'nothing')
        || ', target ' || coalesce(target, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in each cell.' as remedy
    from sync_fields
    where destination is null or object_type is null or field is null or target is null
    union all
    select
        'sync/sync_fields.csv' as file_path,
        'destination ' || destination
        || ', object_type ' || object_type
        || ', target ' || target as row_key,
        'the target stands more than once.' as problem,
        'Keep one row.' as remedy
    from sync_fields
    group by destination, object_type, target
    having count(*) > 1
    union all
    select
        'sync/sync_fields.csv' as file_path,
        'destination ' || sync_fields.destination
        || ', object_type ' || sync_fields.object_type
        || ', target ' || sync_fields.target as row_key,
        case
            when sync_routes.destination is null then 'the object is not routed there.'
            when payload_fields.field is null
                then 'the payload has no field ' || sync_fields.field || '.'
        end as problem,
        'Name a route of sync_routes.csv and a column of the sync mart.' as remedy
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

value_problems as (
    select
        'sync/sync_values.csv' as file_path,
        'destination ' || coalesce(sync_values.destination, 'nothing')
        || ', object_type ' || coalesce(sync_values.object_type, 'nothing')
        || ', field ' || coalesce(sync_values.field, 'nothing')
        || ', value ' || coalesce(sync_values.value, 'nothing') as row_key,
        case
            when count(sync_fields.target) = 0 then 'the field is not sent there.'
            when count(*) > count(distinct sync_fields.target)
                then 'the value stands more than once.'
        end as problem,
        'Name a row of sync_fields.csv, once per value, and what to say instead.' as remedy
    from sync_values
    left join sync_fields
        on
            sync_values.destination = sync_fields.destination
            and sync_values.object_type = sync_fields.object_type
            and sync_values.field = sync_fields.field
    group by
        sync_values.destination,
        sync_values.object_type,
        sync_values.field,
        sync_values.value
),

key_problems as (
    select
        'catalog/milestone_catalog.csv' as file_path,
        'milestone_id ' || milestone_id as row_key,
        'a vertical bar divides account and milestone in the keys of the sync.' as problem,
        'Name the milestone without it.' as remedy
    from milestone_catalog
    where milestone_id like '%|%'
),

problems as (
    select file_path, row_key, problem, remedy from destination_problems
    union all
    select file_path, row_key, problem, remedy from route_problems
    union all
    select file_path, row_key, problem, remedy from field_problems
    union all
    select file_path, row_key, problem, remedy from value_problems
    union all
    select file_path, row_key, problem, remedy from key_problems
)

select * from problems
where problem is not null
