-- Each planned milestone with its outcome: entered, reached (measured or confirmed) or waived. One
-- row per account, onboarding and milestone.
with

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

rule_times as (
    select * from {{ ref('int_milestone_rule_times') }}
),

decisions as (
    select * from {{ ref('stg_crm__milestone_decisions') }}
),

entry_criteria as (
    select distinct milestone_id from {{ ref('milestone_criteria') }}
    where phase = 'entry'
),

ordered_decisions as (
    select
        plan.account_id,
        plan.onboarding_number,
        plan.milestone_id,
        decisions.event_type,
        decisions.event_id,
        decisions.occurred_at,
        row_number() over (
            partition by
                plan.account_id, plan.onboarding_number, plan.milestone_id, decisions.event_type
            order by decisions.occurred_at, decisions.event_id
        ) as decision_number
    from decisions
    inner join plan
        on
            decisions.account_id = plan.account_id
            and decisions.milestone_id = plan.milestone_id
    where
        (
            decisions.event_type = 'milestone_waived'
            or {{ day_of('decisions.occurred_at') }} <= plan.ended_on
        )
        and (
            plan.onboarding_number = 1
            or {{ day_of('decisions.occurred_at') }} >= plan.started_on
        )
),

milestones_with_evidence as (
    select
        plan.*,
        case when entry_criteria.milestone_id is null then plan.started_at else entries.met_at end
            as entered_at,
        exits.met_at as measured_at,
        exits.event_id as measured_event_id,
        case
            when confirmations.occurred_at is not null
                then greatest(confirmations.occurred_at, plan.started_at)
        end as confirmed_at,
        confirmations.event_id as confirmed_event_id,
        waivers.occurred_at as waiver_at,
        waivers.event_id as waiver_event_id
    from plan
    left join entry_criteria
        on plan.milestone_id = entry_criteria.milestone_id
    left join rule_times as entries
        on
            plan.account_id = entries.account_id
            and plan.onboarding_number = entries.onboarding_number
            and plan.milestone_id = entries.milestone_id
            and entries.phase = 'entry'
    left join rule_times as exits
        on
            plan.account_id = exits.account_id
            and plan.onboarding_number = exits.onboarding_number
            and plan.milestone_id = exits.milestone_id
            and exits.phase = 'exit'
    left join ordered_decisions as confirmations
        on
            plan.account_id = confirmations.account_id
            and plan.onboarding_number = confirmations.onboarding_number
            and plan.milestone_id = confirmations.milestone_id
            and confirmations.event_type = 'milestone_confirmed'
            and confirmations.decision_number = 1
    left join ordered_decisions as waivers
        on
            plan.account_id = waivers.account_id
            and plan.onboarding_number = waivers.onboarding_number
            and plan.milestone_id = waivers.milestone_id
            and waivers.event_type = 'milestone_waived'
            and waivers.decision_number = 1
),

milestones_with_reached_at as (
    select
        milestones_with_evidence.*,
        coalesce(confirmed_at <= measured_at, confirmed_at is not null) as is_confirmed,
        coalesce(least(measured_at, confirmed_at), measured_at, confirmed_at) as reached_at
    from milestones_with_evidence
),

-- The earlier of waiver and achievement counts.
onboarding_milestones as (
    select
        account_id,
        onboarding_number,
        journey,
        milestone_id,
        persona,
        weight,
        started_at,
        started_on,
        ended_on,
        churned_on,
        due_on,
        needs_seats,
        first_seats_on,
        is_observable,
        observed_until,
        complete_through,
        entered_at,
        case
            when coalesce(waiver_at < reached_at, waiver_at is not null) then waiver_at
        end as waived_at,
        case
            when not coalesce(waiver_at < reached_at, waiver_at is not null) then reached_at
        end as achieved_at,
        case
            when coalesce(waiver_at < reached_at, waiver_at is not null) then waiver_event_id
            when is_confirmed then confirmed_event_id
            else measured_event_id
        end as evidence_event_id,
        case
            when coalesce(waiver_at < reached_at, waiver_at is not null) then 'waiver'
            when is_confirmed then 'confirmation'
            when measured_event_id is not null then 'event'
            when reached_at is not null then 'signal'
        end as evidence
    from milestones_with_reached_at
)

select * from onboarding_milestones
