with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'task_completed'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'task_id'") }} as task_id,
        {{ json_text('payload', "'outcome'") }} as outcome,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
