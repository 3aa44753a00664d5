-- ARR kept by accounts with and without the onboarding: completers against others from a landmark
-- day, and the arms of experiments from their assignment. One row per comparison and account.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

experiment_arms as (
    select * from {{ ref('int_experiment_arms') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

onboarding_retention_settings as (
    select * from {{ ref('onboarding_retention_settings') }}
),

completion as (
    select
        achievements.account_id,
        max({{ add_days('achievements.started_on', 'settings.by_day') }}) as landmark_on,
        sum(
            case
                when
                    {{ day_of('achievements.achieved_at') }}
                    <= {{ add_days('achievements.started_on', 'settings.by_day') }}
                    then achievements.weight
                else 0
            end
        ) as reached_weight,
        sum(case when achievements.waived_at is null then achievements.weight else 0 end) as weight
    from achievements
    cross join onboarding_retention_settings as settings
    where achievements.is_observable
    group by achievements.account_id
),

completers as (
    select
        'completed_onboarding' as comparison,
        false as is_randomised,
        completion.account_id,
        completion.landmark_on as followed_from,
        completion.landmark_on as starts_by,
        {{ add_days('completion.landmark_on', 'settings.follow_up_days') }} as window_ends_on,
        case
            when
                {{ ratio('completion.reached_weight', 'completion.weight') }}
                >= settings.min_weight_share
                then 'with'
            else 'without'
        end as onboarding
    from completion
    cross join onboarding_retention_settings as settings
    where completion.weight > 0
),

arms as (
    select
        experiment_arms.experiment_id as comparison,
        true as is_randomised,
        experiment_arms.account_id,
        experiment_arms.assigned_on as followed_from,
        {{ add_days('experiment_arms.assigned_on', 'settings.by_day') }} as starts_by,
        {{ add_days(
            'experiment_arms.assigned_on', 'settings.by_day + settings.follow_up_days'
        ) }} as window_ends_on,
        case when experiment_arms.is_treatment then 'with' else 'without' end as onboarding
    from experiment_arms
    cross join onboarding_retention_settings as settings
),

comparison_accounts as (
    select * from completers
    union all
    select * from arms
),

windows as (
    select
        comparison_accounts.comparison,
        comparison_accounts.is_randomised,
        comparison_accounts.account_id,
        comparison_accounts.onboarding,
        comparison_accounts.followed_from,
        comparison_accounts.starts_by,
        comparison_accounts.window_ends_on,
        accounts.segment
    from comparison_accounts
    inner join accounts
        on comparison_accounts.account_id = accounts.account_id
),

-- What an arm pays later is an effect of the experiment too, so its starting ARR is the first that
-- it paid.
first_paid as (
    select
        windows.comparison,
        windows.account_id,
        min(measured_signals.date_day) as first_paid_on
    from windows
    inner join measured_signals
        on
            windows.account_id = measured_signals.account_id
            and windows.followed_from <= measured_signals.date_day
            and windows.starts_by >= measured_signals.date_day
    where measured_signals.arr > 0
    group by windows.comparison, windows.account_id
),

accounts_with_arr as (
    select
        windows.*,
        first_paid.first_paid_on,
        windows.window_ends_on <= build_moment.as_of as is_over,
        coalesce(starts.arr, 0) as start_arr,
        coalesce(ends.arr, 0) as end_arr
    from windows
    cross join build_moment
    left join first_paid
        on
            windows.comparison = first_paid.comparison
            and windows.account_id = first_paid.account_id
    left join measured_signals as starts
        on
            first_paid.account_id = starts.account_id
            and first_paid.first_paid_on = starts.date_day
    left join measured_signals as ends
        on
            windows.account_id = ends.account_id
            and windows.window_ends_on = ends.date_day
    where windows.followed_from <= build_moment.as_of
),

-- All accounts of an experiment count, also those that never paid, so that who pays does not bias
-- the arms. Of the completers' comparison only those that paid.
retention as (
    select
        comparison,
        is_randomised,
        account_id,
        segment,
        onboarding,
        followed_from,
        first_paid_on,
        window_ends_on,
        is_over,
        cast(start_arr as decimal(18, 2)) as start_arr,
        case when is_over then cast(end_arr as decimal(18, 2)) end as end_arr,
        case
            when not is_over then cast(null as decimal(18, 2))
            when end_arr > 0 then cast(least(start_arr, end_arr) as decimal(18, 2))
            else cast(0 as decimal(18, 2))
        end as kept_arr,
        case when is_over then end_arr > 0 end as is_retained
    from accounts_with_arr
    where is_randomised or first_paid_on is not null
)

select * from retention
