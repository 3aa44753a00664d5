-- The milestones of each onboarding as steps in order of their deadlines, and of their ids where
-- two have the same. One row per account, onboarding and milestone of the journey.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

variants as (
    select * from {{ ref('int_onboarding_variants') }}
),

onboarding_milestones as (
    select * from {{ ref('int_onboarding_milestones') }}
),

milestone_texts as (
    select * from {{ ref('milestones') }}
),

-- What is reached after an onboarding has ended is a later one's.
milestones_of_onboardings as (
    select
        onboardings.account_id,
        onboardings.onboarding_number,
        onboardings.journey,
        onboardings.segment,
        onboardings.product_category,
        variants.variant,
        onboardings.started_on,
        onboardings.churned_on,
        onboardings.ended_on,
        milestones.milestone_id,
        milestone_texts.milestone,
        milestones.persona,
        milestone_texts.owner_role,
        milestones.weight,
        milestones.due_on,
        milestones.is_observable,
        milestones.is_observable
        and not (milestones.needs_seats and milestones.first_seats_on is null) as is_followed,
        {{ day_of('milestones.waived_at') }} as waived_on,
        case
            when {{ day_of('milestones.achieved_at') }} <= onboardings.ended_on
                then {{ day_of('milestones.achieved_at') }}
        end as reached_on,
        case
            when not milestones.is_observable then build_moment.over_on
            when milestones.observed_until = build_moment.as_of then milestones.complete_through
            else milestones.observed_until
        end as seen_until
    from onboardings
    cross join build_moment
    inner join onboarding_milestones as milestones
        on
            onboardings.account_id = milestones.account_id
            and onboardings.onboarding_number = milestones.onboarding_number
    inner join milestone_texts
        on milestones.milestone_id = milestone_texts.milestone_id
    left join variants
        on
            onboardings.account_id = variants.account_id
            and onboardings.onboarding_number = variants.onboarding_number
),

-- A step counts where it is reached or could have been. One that does not count is passed over.
steps as (
    select
        milestones_of_onboardings.*,
        cast(
            row_number() over (
                partition by account_id, onboarding_number order by due_on, milestone_id
            ) as integer
        ) as step_number,
        least(ended_on, seen_until) as followed_on,
        is_followed and waived_on is null as is_judged,
        waived_on is null and (is_followed or reached_on is not null) as is_counted,
        is_followed and waived_on is null and reached_on is null as is_open,
        coalesce(reached_on, waived_on) as passed_on
    from milestones_of_onboardings
)

select * from steps
