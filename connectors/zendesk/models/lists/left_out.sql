-- Rows that become no event, counted. One row per table and reason.
with

history as (
    select * from {{ source('zendesk', 'ticket_field_history') }}
),

comments as (
    select * from {{ source('zendesk', 'ticket_comment') }}
),

tickets as (
    select * from {{ ref('tickets') }}
),

rows_left_out as (
    select
        'ticket_field_history' as table_name,
        case when {{ is_true('_fivetran_deleted') }} then 'deleted' else 'no such ticket' end
            as reason
    from history
    where
        {{ is_true('_fivetran_deleted') }}
        or ticket_id not in (select tickets.ticket_id from tickets)
    union all
    select
        'ticket_comment' as table_name,
        case when {{ is_true('_fivetran_deleted') }} then 'deleted' else 'the ticket itself' end
            as reason
    from comments
    where
        id || '-replied' not in (
            select support_events.event_id from {{ ref('support_events') }} as support_events
        )
),

left_out as (
    select
        table_name,
        reason,
        count(*) as row_count
    from rows_left_out
    group by table_name, reason
)

select * from left_out
