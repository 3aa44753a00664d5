-- What each onboarding is expected to reach: its milestones with due dates, and whether they are
-- observable. One row per account, onboarding and milestone.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

coverage as (
    select
        milestone_id,
        observed_from,
        observed_until,
        complete_through,
        max(observed_until) over (partition by milestone_id) as last_observed_on
    from {{ ref('int_milestone_coverage') }}
),

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

first_seats as (
    select
        account_id,
        min(date_day) as first_seats_on
    from measured_signals
    where seats > 0
    group by account_id
),

seat_needs as (
    select
        milestone_id,
        max(case when needs_seats then 1 else 0 end) = 1 as needs_seats
    from milestone_criteria
    where phase = 'exit'
    group by milestone_id
),

planned_milestones as (
    select
        onboardings.account_id,
        onboardings.onboarding_number,
        onboardings.journey,
        onboardings.started_at,
        onboardings.started_on,
        accounts.ended_on,
        accounts.churned_on,
        journey_milestones.milestone_id,
        journey_milestones.persona,
        journey_milestones.weight,
        {{ add_days('onboardings.started_on', 'journey_milestones.deadline_days') }} as due_on,
        seat_needs.needs_seats,
        first_seats.first_seats_on
    from onboardings
    inner join accounts
        on onboardings.account_id = accounts.account_id
    inner join journey_milestones
        on onboardings.journey = journey_milestones.journey
    inner join seat_needs
        on journey_milestones.milestone_id = seat_needs.milestone_id
    left join first_seats
        on accounts.account_id = first_seats.account_id
),

-- The stretch of coverage on the due day decides, or on the build's day if that is earlier.
-- Gaps in coverage that are over do not end the observation.
plan as (
    select
        planned_milestones.*,
        coalesce(coverage.observed_from <= planned_milestones.started_on, false) as is_observable,
        coverage.last_observed_on as observed_until,
        coverage.complete_through
    from planned_milestones
    cross join build_moment
    left join coverage
        on
            planned_milestones.milestone_id = coverage.milestone_id
            and least(planned_milestones.due_on, build_moment.as_of)
            between coverage.observed_from and coverage.observed_until
)

select * from plan
