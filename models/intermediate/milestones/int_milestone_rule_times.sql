-- When all criteria of a milestone and phase were first met at once, events and signals together.
-- One row per account, onboarding, milestone and phase that was met.
with

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

criteria as (
    select * from {{ ref('milestone_criteria') }}
),

event_times as (
    select * from {{ ref('int_milestone_event_times') }}
),

signal_days as (
    select * from {{ ref('int_milestone_signal_days') }}
),

rules as (
    select
        milestone_id,
        phase,
        sum(case when measure = 'signal' then 0 else 1 end) as event_criteria,
        sum(case when measure = 'signal' then 1 else 0 end) as signal_criteria
    from criteria
    group by milestone_id, phase
),

events_reached as (
    select
        account_id,
        onboarding_number,
        milestone_id,
        phase,
        count(*) as criteria_reached,
        max(reached_at) as reached_at
    from event_times
    group by account_id, onboarding_number, milestone_id, phase
),

last_events as (
    select
        event_times.account_id,
        event_times.onboarding_number,
        event_times.milestone_id,
        event_times.phase,
        max(event_times.event_id) as event_id
    from event_times
    inner join events_reached
        on
            event_times.account_id = events_reached.account_id
            and event_times.onboarding_number = events_reached.onboarding_number
            and event_times.milestone_id = events_reached.milestone_id
            and event_times.phase = events_reached.phase
            and event_times.reached_at = events_reached.reached_at
    group by
        event_times.account_id,
        event_times.onboarding_number,
        event_times.milestone_id,
        event_times.phase
),

milestones_with_events as (
    select
        plan.account_id,
        plan.onboarding_number,
        plan.milestone_id,
        rules.phase,
        rules.signal_criteria,
        greatest(
            coalesce(events_reached.reached_at, plan.started_at), plan.started_at
        ) as events_at,
        last_events.event_id
    from plan
    inner join rules
        on plan.milestone_id = rules.milestone_id
    left join events_reached
        on
            plan.account_id = events_reached.account_id
            and plan.onboarding_number = events_reached.onboarding_number
            and plan.milestone_id = events_reached.milestone_id
            and rules.phase = events_reached.phase
    left join last_events
        on
            plan.account_id = last_events.account_id
            and plan.onboarding_number = last_events.onboarding_number
            and plan.milestone_id = last_events.milestone_id
            and rules.phase = last_events.phase
    where coalesce(events_reached.criteria_reached, 0) = rules.event_criteria
),

first_signal_days as (
    select
        milestones_with_events.account_id,
        milestones_with_events.onboarding_number,
        milestones_with_events.milestone_id,
        milestones_with_events.phase,
        min(signal_days.date_day) as date_day
    from milestones_with_events
    inner join signal_days
        on
            milestones_with_events.account_id = signal_days.account_id
            and milestones_with_events.onboarding_number = signal_days.onboarding_number
            and milestones_with_events.milestone_id = signal_days.milestone_id
            and milestones_with_events.phase = signal_days.phase
            and {{ day_of('milestones_with_events.events_at') }} <= signal_days.date_day
    group by
        milestones_with_events.account_id,
        milestones_with_events.onboarding_number,
        milestones_with_events.milestone_id,
        milestones_with_events.phase
),

milestones_with_times as (
    select
        milestones_with_events.account_id,
        milestones_with_events.onboarding_number,
        milestones_with_events.milestone_id,
        milestones_with_events.phase,
        milestones_with_events.events_at,
        milestones_with_events.event_id,
        {{ add_time(
            day_starts_at(add_days('first_signal_days.date_day', 1)), -1, 'second'
        ) }} as signals_at
    from milestones_with_events
    left join first_signal_days
        on
            milestones_with_events.account_id = first_signal_days.account_id
            and milestones_with_events.onboarding_number = first_signal_days.onboarding_number
            and milestones_with_events.milestone_id = first_signal_days.milestone_id
            and milestones_with_events.phase = first_signal_days.phase
    where milestones_with_events.signal_criteria = 0 or first_signal_days.date_day is not null
),

rule_times as (
    select
        account_id,
        onboarding_number,
        milestone_id,
        phase,
        greatest(events_at, coalesce(signals_at, events_at)) as met_at,
        case when signals_at is null or events_at >= signals_at then event_id end as event_id
    from milestones_with_times
)

select * from rule_times
