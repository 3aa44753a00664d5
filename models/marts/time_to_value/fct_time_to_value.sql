-- How long each onboarding waited for first value, left-truncated where tracking began later and
-- right-censored. One row per account, onboarding and persona.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

onboarding_milestones as (
    select * from {{ ref('int_onboarding_milestones') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

coverage as (
    select * from {{ ref('int_milestone_coverage') }}
),

waits as (
    select
        onboardings.account_id,
        onboardings.onboarding_number,
        activation_milestones.milestone_id,
        activation_milestones.persona,
        activation_milestones.is_primary,
        onboardings.segment,
        onboardings.product_category,
        onboardings.started_on,
        onboardings.ended_on,
        onboardings.churned_on,
        milestones.due_on,
        case
            when {{ day_of('milestones.achieved_at') }} <= onboardings.ended_on
                then {{ day_of('milestones.achieved_at') }}
        end as achieved_on,
        {{ day_of('milestones.waived_at') }} as waived_on,
        least(
            onboardings.ended_on,
            coalesce({{ day_of('milestones.waived_at') }}, onboardings.ended_on)
        ) as left_on
    from onboardings
    inner join activation_milestones
        on onboardings.product_category = activation_milestones.product_category
    inner join onboarding_milestones as milestones
        on
            onboardings.account_id = milestones.account_id
            and onboardings.onboarding_number = milestones.onboarding_number
            and activation_milestones.milestone_id = milestones.milestone_id
),

-- An onboarding is followed from the first day on which its milestone is observed to the last, at
-- most to the last complete day or the day of a waiver. Gaps between stretches of coverage are
-- bridged: a milestone reached in a gap is seen after it, on a later day.
stretches as (
    select
        waits.account_id,
        waits.onboarding_number,
        waits.persona,
        greatest(min(coverage.observed_from), waits.started_on) as entered_on,
        min(coverage.observed_until) as first_gap_after,
        max(coverage.observed_until) as observed_until,
        max(
            case
                when coverage.observed_until = build_moment.as_of
                    then least(waits.left_on, coverage.complete_through)
                else least(waits.left_on, coverage.observed_until)
            end
        ) as followed_to
    from waits
    cross join build_moment
    inner join coverage
        on
            waits.milestone_id = coverage.milestone_id
            and waits.started_on <= coverage.observed_until
    group by waits.account_id, waits.onboarding_number, waits.persona, waits.started_on
),

-- Milestones reached before they were observed are left out: nobody knows how many there are.
waits_with_stretches as (
    select
        waits.*,
        stretches.entered_on,
        stretches.followed_to,
        stretches.first_gap_after,
        case
            when waits.achieved_on <= stretches.observed_until then waits.achieved_on
        end as activated_on,
        stretches.entered_on <= least(waits.ended_on, waits.due_on)
        and coalesce(stretches.entered_on <= waits.achieved_on, true) as is_observable
    from waits
    left join stretches
        on
            waits.account_id = stretches.account_id
            and waits.onboarding_number = stretches.onboarding_number
            and waits.persona = stretches.persona
),

wait_outcomes as (
    select
        account_id,
        onboarding_number,
        milestone_id,
        persona,
        is_primary,
        segment,
        product_category,
        started_on,
        case when is_observable then activated_on end as activated_on,
        case when is_observable then activated_on > first_gap_after end as reached_in_or_after_gap,
        case
            when is_observable and entered_on <= followed_to
                then {{ days_between('started_on', 'entered_on') }}
        end as entered_after_days,
        case
            when is_observable and entered_on <= followed_to
                then
                    {{ days_between(
                        'started_on', 'least(followed_to, coalesce(activated_on, followed_to))'
                    ) }}
        end as followed_days,
        case
            when not coalesce(is_observable, false) then 'not_observable'
            when activated_on is not null then 'activated'
            when waived_on <= followed_to then 'waived'
            when churned_on <= followed_to then 'churned'
            else 'censored'
        end as outcome
    from waits_with_stretches
),

times as (
    select
        account_id,
        onboarding_number,
        milestone_id as activation_milestone_id,
        persona,
        is_primary,
        segment,
        product_category,
        started_on,
        activated_on,
        reached_in_or_after_gap,
        outcome,
        {{ days_between('started_on', 'activated_on') }} as days_to_value,
        entered_after_days,
        followed_days
    from wait_outcomes
)

select * from times
