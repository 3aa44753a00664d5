with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'support'
        and event_type in ('ticket_escalated', 'ticket_solved', 'ticket_reopened')
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'ticket_id'") }} as ticket_id,
        event_type,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
