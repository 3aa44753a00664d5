-- Which accounts need somebody today, why, and what is the next task? The most ARR at stake first.
with

health as (
    select * from {{ ref('fct_current_health') }}
),

tasks as (
    select * from {{ ref('fct_interventions') }}
),

-- An account may have several tasks: the first of its queue is shown.
open_tasks as (
    select
        account_id,
        play_name,
        due_at,
        reason,
        arr_at_stake,
        row_number() over (partition by account_id order by priority_rank, task_id) as place
    from tasks
    where status in ('open', 'overdue')
),

accounts_to_call as (
    select
        health.owner_id,
        health.account_id,
        health.account_name,
        health.band,
        health.score,
        health.change_7d,
        health.top_driver_down,
        open_tasks.play_name,
        open_tasks.due_at,
        open_tasks.reason,
        open_tasks.arr_at_stake
    from health
    inner join open_tasks
        on
            health.account_id = open_tasks.account_id
            and open_tasks.place = 1
)

select * from accounts_to_call
order by coalesce(arr_at_stake, 0) desc, account_id asc
