-- Accepted account_created and account_updated events, one row each. Keys that were not sent are
-- null.
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
        {{ json_text('payload', "'owner'") }} as owner,
        {{ json_text('payload', "'parent_account_id'") }} as parent_account_id,
        {{ json_text('payload', "'timezone'") }} as timezone,
        {{ try_cast_to(json_text('payload', "'employees'"), 'bigint') }} as employees,
        {{ try_cast_to(json_text('payload', "'is_internal'"), 'boolean') }} as is_internal,
        {{ try_cast_to(json_text('payload', "'is_test'"), 'boolean') }} as is_test,
        occurred_at,
        loaded_at
    from source
),

-- An e-mail address as owner is personal data, so it is hashed. Equal addresses stay equal owners.
accounts_with_owner_ids as (
    select
        event_id,
        account_id,
        source_account_id,
        event_type,
        account_name,
        industry,
        country,
        product_category,
        plan,
        case
            when owner like '%@%' then 'owner-' || left({{ id_of('lower(owner)') }}, 12)
            else owner
        end as owner_id,
        parent_account_id,
        timezone,
        employees,
        is_internal,
        is_test,
        occurred_at,
        loaded_at
    from renamed
)

select * from accounts_with_owner_ids
