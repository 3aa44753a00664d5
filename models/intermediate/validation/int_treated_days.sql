-- Days on which a task counts as a treatment; an outcome that task_outcomes doesn't list does too.
-- One row per account and day.
with

tasks as (
    select * from {{ ref('stg_crm__tasks') }}
),

task_outcomes as (
    select * from {{ ref('task_outcomes') }}
),

treated_days as (
    select distinct
        tasks.account_id,
        {{ day_of('tasks.occurred_at') }} as treated_on
    from tasks
    left join task_outcomes
        on tasks.outcome = task_outcomes.outcome
    where coalesce(task_outcomes.is_intervention, true)
)

select * from treated_days
