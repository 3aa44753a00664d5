-- The values that a ticket's status, priority, type, assignee and organisation took: those of the
-- history and, where it lacks the ticket's own, that one since the last update. One row per ticket,
-- field and change.
with

tickets as (
    select * from {{ ref('tickets') }}
),

history as (
    select * from {{ source('zendesk', 'ticket_field_history') }}
    where not {{ is_true('_fivetran_deleted') }}
),

current_values as (
    select
        ticket_id,
        created_at,
        updated_at,
        unnest(['status', 'priority', 'type', 'assignee_id', 'organization_id']) as field_name,
        unnest([status, priority, type, assignee_id, organization_id]) as field_value
    from tickets
),

changed_fields as (
    select distinct
        ticket_id,
        field_name
    from history
),

-- A status is of the last update, any other value that has no history is of the ticket's beginning.
all_values as (
    select
        history.ticket_id,
        history.field_name,
        history.value as field_value,
        {{ moment('history.updated') }} as happens_at,
        1 as read_number
    from history
    inner join tickets
        on history.ticket_id = tickets.ticket_id
    where
        history.field_name in (
            'status', 'priority', 'type', 'assignee_id', 'organization_id'
        )
    union all
    select
        current_values.ticket_id,
        current_values.field_name,
        current_values.field_value,
        case
            when
                current_values.field_name = 'status' or changed_fields.ticket_id is not null
                then current_values.updated_at
            else current_values.created_at
        end as happens_at,
        2 as read_number
    from current_values
    left join changed_fields
        on
            current_values.ticket_id = changed_fields.ticket_id
            and current_values.field_name = changed_fields.field_name
    where current_values.field_value is not null
),

-- Fields of a beginning are written with it. lag leaves out a value that only repeats the one
-- before it.
ordered_values as (
    select
        all_values.ticket_id,
        all_values.field_name,
        all_values.field_value,
        greatest(all_values.happens_at, tickets.created_at) as happens_at,
        all_values.happens_at <= tickets.created_at as is_of_beginning,
        row_number() over (
            partition by all_values.ticket_id, all_values.field_name
            order by all_values.happens_at, all_values.read_number
        ) as value_number,
        lag(all_values.field_value) over (
            partition by all_values.ticket_id, all_values.field_name
            order by all_values.happens_at, all_values.read_number
        ) as value_before
    from all_values
    inner join tickets
        on all_values.ticket_id = tickets.ticket_id
),

ticket_values as (
    select * from ordered_values
    where field_value is distinct from value_before
)

select * from ticket_values
