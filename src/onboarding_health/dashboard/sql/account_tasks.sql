-- The tasks of an account, the open ones first. One row per task that was ever opened.
select
    play_name, owner_role, channel, reason, opened_on, due_at, status, close_reason, closed_on,
    completed_at, outcome, expected_effect
from fct_interventions
where account_id = $account and opened_on is not null
order by status in ('open', 'overdue') desc, due_at desc, task_id
limit 40
