-- Which milestones run late, by journey and segment? Milestones whose day is over, of accounts that
-- could be observed.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

due_milestones as (
    select
        accounts.segment,
        milestones.journey,
        milestones.milestone,
        milestones.owner_role,
        milestones.status,
        milestones.days_late
    from milestones
    inner join accounts
        on milestones.account_id = accounts.account_id
    where
        milestones.status in ('achieved', 'achieved_late', 'overdue')
        and milestones.due_on < accounts.observed_until
),

milestone_counts as (
    select
        journey,
        milestone,
        owner_role,
        segment,
        count(*) as accounts,
        sum(case when status = 'achieved' then 1 else 0 end) as on_time,
        sum(case when status = 'achieved_late' then 1 else 0 end) as late,
        sum(case when status = 'overdue' then 1 else 0 end) as overdue,
        avg(case when status = 'achieved_late' then days_late end) as mean_days_late
    from due_milestones
    group by journey, milestone, owner_role, segment
)

select
    milestone_counts.*,
    {{ as_double('on_time') }} / accounts as on_time_share
from milestone_counts
order by on_time_share, journey, milestone, segment
