-- Accepted onboarding_started events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'onboarding_started'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'variant'") }} as variant,
        {{ json_text('payload', "'product_category'") }} as product_category,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
