-- Live score dates, scored or not, of accounts that have not left, with the reference window of
-- their stage and age: the first weeks in which the version scored enough such accounts. One row
-- per account and score date from that window on; month is null within it.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

scores as (
    select
        account_id,
        score_date,
        model_version,
        segment,
        stage,
        status,
        band,
        coverage,
        cast(score / 100 as decimal(18, 6)) as value
    from {{ ref('int_health_scores') }}
    where
        track = 'live'
        and status not in ('churned', 'completed')
        and {{ is_score_weekday('score_date') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

scores_with_age as (
    select
        scores.*,
        accounts.churned_on,
        floor(
            {{ days_between('accounts.started_on', 'scores.score_date') }}
            / {{ as_double('drift_settings.age_band_days') }}
        ) as age_band
    from scores
    cross join drift_settings
    inner join accounts
        on scores.account_id = accounts.account_id
),

scored_counts as (
    select
        model_version,
        stage,
        age_band,
        score_date,
        sum(case when status = 'scored' then 1 else 0 end) as scored_count
    from scores_with_age
    group by model_version, stage, age_band, score_date
),

reference_starts as (
    select
        scored_counts.model_version,
        scored_counts.stage,
        scored_counts.age_band,
        min(
            case
                when scored_counts.scored_count >= drift_settings.min_age_accounts
                    then scored_counts.score_date
            end
        ) as reference_from
    from scored_counts
    cross join drift_settings
    group by scored_counts.model_version, scored_counts.stage, scored_counts.age_band
),

reference_windows as (
    select
        reference_starts.model_version,
        reference_starts.stage,
        reference_starts.age_band,
        reference_starts.reference_from,
        {{ add_days('reference_starts.reference_from', '7 * drift_settings.reference_weeks - 1') }}
            as reference_to
    from reference_starts
    cross join drift_settings
),

-- Until the window is over there is nothing to compare with, and all dates are current.
window_dates as (
    select
        scores_with_age.*,
        completions.completed_on,
        build_moment.as_of,
        case
            when reference_windows.reference_to <= build_moment.as_of
                then reference_windows.reference_from
        end as reference_from,
        case
            when reference_windows.reference_to <= build_moment.as_of
                then reference_windows.reference_to
        end as reference_to
    from scores_with_age
    cross join build_moment
    left join completions
        on
            scores_with_age.account_id = completions.account_id
            and scores_with_age.churned_on = completions.completed_on
    inner join reference_windows
        on
            scores_with_age.model_version = reference_windows.model_version
            and scores_with_age.stage = reference_windows.stage
            and scores_with_age.age_band = reference_windows.age_band
),

-- An outcome counts once the whole horizon is over; who completes in it neither stays nor churns.
account_dates as (
    select
        window_dates.account_id,
        window_dates.score_date,
        window_dates.model_version,
        window_dates.segment,
        window_dates.stage,
        cast(window_dates.age_band as integer) as age_band,
        window_dates.status,
        window_dates.band,
        window_dates.coverage,
        window_dates.value,
        window_dates.reference_from,
        window_dates.reference_to,
        case
            when
                window_dates.reference_to is null
                or window_dates.score_date > window_dates.reference_to
                then cast({{ dbt.date_trunc('month', 'window_dates.score_date') }} as date)
        end as month,
        case
            when
                window_dates.status = 'scored'
                and {{ days_between('window_dates.score_date', 'window_dates.as_of') }}
                >= drift_settings.churn_horizon_days
                and coalesce(
                    {{ days_between('window_dates.score_date', 'window_dates.completed_on') }}
                    > drift_settings.churn_horizon_days, true
                )
                then
                    coalesce(
                        {{ days_between('window_dates.score_date', 'window_dates.churned_on') }}
                        <= drift_settings.churn_horizon_days, false
                    )
        end as churns
    from window_dates
    cross join drift_settings
    where coalesce(window_dates.score_date >= window_dates.reference_from, true)
)

select * from account_dates
