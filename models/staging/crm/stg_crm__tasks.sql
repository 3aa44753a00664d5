-- Accepted task_completed events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'task_completed'
        and reject_reason is null
),

task_outcomes as (
    select * from {{ ref('task_outcomes') }}
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'task_id'") }} as task_id,
        {{ json_text('payload', "'play_id'") }} as play_id,
        {{ json_text('payload', "'outcome'") }} as outcome,
        occurred_at,
        loaded_at
    from source
),

-- Only outcomes of the task_outcomes seed are kept. Any other text stays in the raw stream.
tasks_with_outcome as (
    select
        renamed.event_id,
        renamed.account_id,
        renamed.user_id,
        renamed.task_id,
        case when renamed.task_id is null then renamed.play_id end as play_id,
        case
            when renamed.outcome is null then null
            else coalesce(task_outcomes.outcome, 'other')
        end as outcome,
        renamed.occurred_at,
        renamed.loaded_at
    from renamed
    left join task_outcomes
        on renamed.outcome = task_outcomes.outcome
)

select * from tasks_with_outcome
