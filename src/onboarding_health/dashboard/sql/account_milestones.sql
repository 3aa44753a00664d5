-- The milestones of an account's onboarding. One row per milestone.
select milestone, status, owner_role, entered_at, due_on, achieved_at, waived_at, days_late
from fct_milestones
where account_id = $account
order by due_on nulls last, milestone_id
