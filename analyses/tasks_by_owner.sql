-- Do tasks get done, and in time? Tasks per role and play, by what became of them.
with

tasks as (
    select * from {{ ref('fct_interventions') }}
),

task_counts as (
    select
        owner_role,
        play_name,
        count(*) as tasks,
        sum(case when status in ('open', 'overdue') then 1 else 0 end) as still_open,
        sum(case when status = 'completed' then 1 else 0 end) as completed,
        sum(case when status = 'completed' and not is_late then 1 else 0 end) as completed_in_time,
        sum(case when status = 'lapsed' then 1 else 0 end) as lapsed,
        avg(hours_to_action) as mean_hours_to_action
    from tasks
    group by owner_role, play_name
)

select
    task_counts.*,
    {{ as_double('completed_in_time') }} / nullif(completed + lapsed, 0) as in_time_share
from task_counts
order by owner_role, play_name
