with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type in ('account_created', 'account_updated')
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        source_account_id,
        event_type,
        {{ json_text('payload', "'name'") }} as account_name,
        {{ json_text('payload', "'industry'") }} as industry,
        {{ json_text('payload', "'country'") }} as country,
        {{ json_text('payload', "'product_category'") }} as product_category,
        {{ json_text('payload', "'plan'") }} as plan,
        {{ json_text('payload', "'owner'") }} as owner_id,
        {{ json_text('payload', "'parent_account_id'") }} as parent_account_id,
        {{ json_text('payload', "'timezone'") }} as timezone,
        {{ try_cast_to(json_text('payload', "'employees'"), 'bigint') }} as employees,
        {{ try_cast_to(json_text('payload', "'is_internal'"), 'boolean') }} as is_internal,
        {{ try_cast_to(json_text('payload', "'is_test'"), 'boolean') }} as is_test,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
