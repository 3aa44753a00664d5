-- Accepted experiment_assigned events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'experiment_assigned'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'experiment_id'") }} as experiment_id,
        {{ json_text('payload', "'variant'") }} as variant,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
