-- What became of accounts after a landmark: of those still there whose outcome was open and whose
-- horizon is over, did they stay, grow, renew, reach first value? One row per account, landmark
-- day, outcome and horizon.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

predictor_outcomes as (
    select * from {{ ref('predictor_outcomes') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

factors as (
    select * from {{ ref('int_predictor_factors') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

billing_signals as (
    select * from {{ ref('int_billing_signals') }}
),

renewals as (
    select * from {{ ref('fct_renewals') }}
),

first_values as (
    select
        steps.account_id,
        steps.reached_on,
        steps.waived_on,
        steps.seen_until
    from {{ ref('int_onboarding_steps') }} as steps
    inner join {{ ref('activation_milestones') }} as activation_milestones
        on
            steps.product_category = activation_milestones.product_category
            and steps.milestone_id = activation_milestones.milestone_id
            and activation_milestones.is_primary
    where steps.onboarding_number = 1 and steps.is_followed
),

landmarks as (
    select distinct
        factors.account_id,
        factors.landmark_on,
        accounts.churned_on
    from factors
    inner join accounts
        on factors.account_id = accounts.account_id
    where coalesce(accounts.churned_on > factors.landmark_on, true)
),

-- Who had given notice by the landmark had decided.
notices as (
    select distinct
        landmarks.account_id,
        landmarks.landmark_on
    from landmarks
    inner join subscription_periods
        on
            landmarks.account_id = subscription_periods.account_id
            and landmarks.landmark_on >= subscription_periods.notice_on
            and coalesce(landmarks.landmark_on < subscription_periods.ends_on, true)
),

windows as (
    select
        landmarks.account_id,
        landmarks.landmark_on,
        landmarks.churned_on,
        predictor_outcomes.outcome,
        predictor_outcomes.horizon_days,
        {{ add_days('landmarks.landmark_on', 'predictor_outcomes.horizon_days') }} as ends_on,
        build_moment.over_on
    from landmarks
    cross join build_moment
    cross join predictor_outcomes
    left join notices
        on
            landmarks.account_id = notices.account_id
            and landmarks.landmark_on = notices.landmark_on
    where
        notices.account_id is null
        and {{ add_days('landmarks.landmark_on', 'predictor_outcomes.horizon_days') }}
        <= build_moment.over_on
),

retained as (
    select
        account_id,
        landmark_on,
        outcome,
        horizon_days,
        coalesce(churned_on > ends_on, true) as is_reached
    from windows
    where outcome = 'retained'
),

expanded as (
    select
        windows.account_id,
        windows.landmark_on,
        windows.outcome,
        windows.horizon_days,
        coalesce(end_days.arr > start_days.arr, false) as is_reached
    from windows
    inner join billing_signals as start_days
        on
            windows.account_id = start_days.account_id
            and windows.landmark_on = start_days.date_day
            and start_days.arr > 0
    left join billing_signals as end_days
        on
            windows.account_id = end_days.account_id
            and windows.ends_on = end_days.date_day
    where windows.outcome = 'expanded'
),

-- The terms that came up for renewal in the window, all of which must be renewed.
renewed as (
    select
        windows.account_id,
        windows.landmark_on,
        windows.outcome,
        windows.horizon_days,
        min(case when renewals.renewed_on is null then 0 else 1 end) = 1 as is_reached
    from windows
    inner join renewals
        on
            windows.account_id = renewals.account_id
            and windows.landmark_on < renewals.term_ends_on
            and windows.ends_on >= renewals.term_ends_on
    where windows.outcome = 'renewed'
    group by windows.account_id, windows.landmark_on, windows.outcome, windows.horizon_days
    having
        min(
            case
                when
                    renewals.outcome <> 'open'
                    and coalesce(renewals.renewed_on > windows.landmark_on, true)
                    then 1
                else 0
            end
        ) = 1
),

activated as (
    select
        windows.account_id,
        windows.landmark_on,
        windows.outcome,
        windows.horizon_days,
        coalesce(first_values.reached_on <= windows.ends_on, false) as is_reached
    from windows
    inner join first_values
        on windows.account_id = first_values.account_id
    where
        windows.outcome = 'activated'
        and windows.ends_on <= first_values.seen_until
        and coalesce(first_values.reached_on > windows.landmark_on, true)
        and coalesce(first_values.waived_on > windows.landmark_on, true)
),

outcomes as (
    select * from retained
    union all
    select * from expanded
    union all
    select * from renewed
    union all
    select * from activated
)

select * from outcomes
