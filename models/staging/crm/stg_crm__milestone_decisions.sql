-- Accepted milestone_confirmed and milestone_waived events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type in ('milestone_confirmed', 'milestone_waived')
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        event_type,
        {{ json_text('payload', "'milestone_id'") }} as milestone_id,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
