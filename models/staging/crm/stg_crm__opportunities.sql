-- Accepted opportunity_stage_changed events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'opportunity_stage_changed'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'opportunity_id'") }} as opportunity_id,
        {{ json_text('payload', "'kind'") }} as kind,
        {{ json_text('payload', "'stage'") }} as stage,
        {{ json_text('payload', "'currency'") }} as currency,
        {{ try_cast_to(json_text('payload', "'amount'"), 'decimal(18, 6)') }} as amount,
        {{ try_cast_to(json_text('payload', "'close_date'"), 'date') }} as closes_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
