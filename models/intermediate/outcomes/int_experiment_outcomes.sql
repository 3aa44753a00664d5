-- Whom an experiment is judged by and what came of them by the metric's day, counted from the first
-- assignment (intention to treat) or, in a rollout, from the onboarding's start. One row per
-- experiment, metric of a share, account and onboarding.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

metrics as (
    select * from {{ ref('experiment_metrics') }}
    where measure in ('first_value', 'retained')
),

arms as (
    select * from {{ ref('int_experiment_arms') }}
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

primary_milestones as (
    select * from {{ ref('activation_milestones') }}
    where is_primary
),

first_values as (
    select
        steps.account_id,
        steps.onboarding_number,
        steps.reached_on,
        steps.waived_on,
        steps.seen_until
    from {{ ref('int_onboarding_steps') }} as steps
    inner join primary_milestones
        on
            steps.product_category = primary_milestones.product_category
            and steps.milestone_id = primary_milestones.milestone_id
    where steps.is_observable
),

-- Randomised arms are judged by first onboardings, as in rpt_ttv_comparisons.
members as (
    select
        arms.experiment_id,
        arms.account_id,
        onboardings.onboarding_number,
        arms.is_treatment as is_treated,
        true as is_after,
        arms.assigned_on as from_on,
        cast(null as date) as rolled_out_on,
        onboardings.churned_on
    from arms
    inner join onboardings
        on
            arms.account_id = onboardings.account_id
            and onboardings.onboarding_number = 1
    union all
    select
        experiments.experiment_id,
        onboardings.account_id,
        onboardings.onboarding_number,
        onboardings.segment = experiments.rollout_segment as is_treated,
        onboardings.started_on >= experiments.starts_on as is_after,
        onboardings.started_on as from_on,
        experiments.starts_on as rolled_out_on,
        onboardings.churned_on
    from experiments
    inner join onboardings
        on coalesce(experiments.ends_on >= onboardings.started_on, true)
    where experiments.kind = 'rollout'
),

-- Who had churned or had reached the outcome before has nothing to gain. An onboarding that began
-- before a rollout and whose days end after it is of neither time.
members_with_outcome as (
    select
        members.experiment_id,
        metrics.metric,
        members.account_id,
        members.onboarding_number,
        members.is_treated,
        members.is_after,
        members.from_on,
        {{ add_days('members.from_on', 'metrics.by_day') }} as judged_on,
        case
            when metrics.measure = 'retained' then build_moment.over_on
            else first_values.seen_until
        end as seen_until,
        case
            when metrics.measure = 'retained'
                then
                    coalesce(
                        members.churned_on
                        > {{ add_days('members.from_on', 'metrics.by_day') }},
                        true
                    )
            else
                coalesce(
                    first_values.reached_on
                    <= {{ add_days('members.from_on', 'metrics.by_day') }},
                    false
                )
        end as is_reached
    from members
    cross join build_moment
    inner join metrics
        on members.experiment_id = metrics.experiment_id
    left join first_values
        on
            members.account_id = first_values.account_id
            and members.onboarding_number = first_values.onboarding_number
    where
        coalesce(members.churned_on > members.from_on, true)
        and (
            members.is_after
            or {{ add_days('members.from_on', 'metrics.by_day') }} < members.rolled_out_on
        )
        and (
            metrics.measure = 'retained'
            or (
                first_values.account_id is not null
                and coalesce(first_values.reached_on >= members.from_on, true)
                and coalesce(first_values.waived_on >= members.from_on, true)
            )
        )
),

outcomes as (
    select
        experiment_id,
        metric,
        account_id,
        onboarding_number,
        is_treated,
        is_after,
        from_on,
        judged_on <= seen_until as is_lived,
        case when judged_on <= seen_until then is_reached end as is_reached
    from members_with_outcome
)

select * from outcomes
