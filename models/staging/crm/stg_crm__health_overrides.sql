-- Accepted health_overridden events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'health_overridden'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'band'") }} as band,
        {{ try_cast_to(json_text('payload', "'expires_on'"), 'date') }} as expires_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
