-- Status of each milestone on the account's last observed day. The order of the cases decides where
-- several hold. One row per account and milestone of its journey.
with

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

milestones as (
    select * from {{ ref('milestones') }}
),

described_milestones as (
    select
        achievements.*,
        milestones.milestone,
        milestones.layer,
        milestones.owner_role
    from achievements
    inner join milestones
        on achievements.milestone_id = milestones.milestone_id
),

milestones_with_status as (
    select
        described_milestones.*,
        case
            when waived_at is not null then 'waived'
            when {{ day_of('achieved_at') }} <= due_on then 'achieved'
            when churned_on <= due_on then 'not_applicable'
            when not is_observable then 'not_observable'
            when achieved_at is not null then 'achieved_late'
            when needs_seats and first_seats_on is null then 'not_applicable'
            when ended_on > due_on and due_on <= complete_through then 'overdue'
            when entered_at is not null then 'pending'
            else 'not_due'
        end as status
    from described_milestones
),

account_milestones as (
    select
        account_id,
        milestone_id,
        journey,
        milestone,
        layer,
        persona,
        owner_role,
        weight,
        status,
        entered_at,
        due_on,
        achieved_at,
        waived_at,
        case
            when status in ('achieved', 'achieved_late')
                then greatest({{ days_between('due_on', day_of('achieved_at')) }}, 0)
            when status = 'overdue'
                then {{ days_between('due_on', 'least(ended_on, observed_until)') }}
        end as days_late,
        evidence,
        evidence_event_id,
        -- What is reached early counts once its deadline is over, as what is not reached.
        coalesce(
            status in ('achieved', 'achieved_late', 'overdue')
            and is_observable and ended_on > due_on and due_on <= complete_through, false
        ) as is_judged
    from milestones_with_status
)

select * from account_milestones
