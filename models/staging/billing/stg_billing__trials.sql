-- Accepted trial_started events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type = 'trial_started'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'plan'") }} as plan,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
