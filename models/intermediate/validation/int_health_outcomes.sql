-- What became of an account after a score (churned, retained, or why there is no label), with its
-- split for training and validation. One row per basis, account, sampled score date and horizon.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

restated_scores as (
    select * from {{ ref('int_health_scores') }}
    where status = 'scored' and track = 'live'
),

published_scores as (
    select * from {{ ref('int_health_published') }}
    where status = 'scored'
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

treated_days as (
    select * from {{ ref('int_treated_days') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

stages as (
    select
        account_id,
        score_date,
        stage
    from {{ ref('int_health_scores') }}
    where track = 'live'
),

scores as (
    select
        'restated' as basis,
        account_id,
        score_date,
        model_version,
        segment,
        score,
        band
    from restated_scores
    union all
    select
        'known_then' as basis,
        published_scores.account_id,
        published_scores.score_date,
        published_scores.model_version,
        accounts.segment,
        published_scores.score,
        published_scores.band
    from published_scores
    inner join accounts
        on published_scores.account_id = accounts.account_id
),

-- A score date every ceil(horizon / 7) weeks, so that the windows of an account do not overlap;
-- counted from Monday 2000-01-03, so that every build samples the same dates.
sampled_scores as (
    select
        scores.basis,
        scores.account_id,
        scores.score_date,
        scores.model_version,
        scores.segment,
        scores.score,
        scores.band,
        validation_horizons.horizon_days,
        validation_horizons.min_stage_accounts,
        validation_horizons.train_share,
        validation_horizons.validation_share,
        cast(
            floor({{ draw_of('scores.account_id') }} * validation_horizons.folds) + 1 as integer
        ) as fold,
        {{ add_days('scores.score_date', 'validation_horizons.lead_gap_days') }} as gap_ends_on,
        {{ add_days(
            'scores.score_date',
            'validation_horizons.lead_gap_days + validation_horizons.horizon_days'
        ) }} as window_ends_on
    from scores
    cross join validation_horizons
    where
        {{ is_score_weekday('scores.score_date') }}
        and cast(
            floor({{ days_between("cast('2000-01-03' as date)", 'scores.score_date') }} / 7.0)
            as bigint
        ) % cast(ceil(validation_horizons.horizon_days / 7.0) as bigint) = 0
),

windows as (
    select distinct
        account_id,
        score_date,
        window_ends_on
    from sampled_scores
),

-- The label uses only what is known at the end of the window: the latest end of the terms begun by
-- then. Terms that run past the window, with no notice given by the score date, bind the account
-- throughout it: it is not at risk.
window_terms as (
    select
        windows.account_id,
        windows.score_date,
        windows.window_ends_on,
        max(coalesce(subscription_periods.ends_on, cast('9999-12-31' as date))) as terms_end_on,
        max(
            case
                when
                    {{ is_bound_beyond(
                        'subscription_periods', 'windows.window_ends_on', 'windows.score_date'
                    ) }}
                    then 1
                else 0
            end
        ) = 1 as is_bound
    from windows
    inner join subscription_periods
        on
            windows.account_id = subscription_periods.account_id
            and windows.window_ends_on >= subscription_periods.starts_on
    group by windows.account_id, windows.score_date, windows.window_ends_on
),

labelled_scores as (
    select
        sampled_scores.*,
        case
            when sampled_scores.window_ends_on > build_moment.as_of then 'window_open'
            when window_terms.is_bound then 'not_at_risk'
            when
                completions.completed_on <= sampled_scores.window_ends_on
                then 'completed'
            when window_terms.terms_end_on <= sampled_scores.gap_ends_on then 'churned_in_gap'
            when window_terms.terms_end_on <= sampled_scores.window_ends_on then 'churned'
            else 'retained'
        end as outcome
    from sampled_scores
    cross join build_moment
    left join window_terms
        on
            sampled_scores.account_id = window_terms.account_id
            and sampled_scores.score_date = window_terms.score_date
            and sampled_scores.window_ends_on = window_terms.window_ends_on
    left join completions
        on
            window_terms.account_id = completions.account_id
            and window_terms.terms_end_on = completions.completed_on
),

-- Score and churn both depend on age, so accounts are compared within their stage.
scores_with_stage as (
    select
        labelled_scores.*,
        stages.stage,
        sum(case when labelled_scores.outcome in ('churned', 'retained') then 1 else 0 end) over (
            partition by
                labelled_scores.basis, labelled_scores.model_version, labelled_scores.horizon_days,
                labelled_scores.score_date, stages.stage
        ) as stage_accounts
    from labelled_scores
    left join stages
        on
            labelled_scores.account_id = stages.account_id
            and labelled_scores.score_date = stages.score_date
),

-- Landmark: only a treatment within the lead gap counts, before anything that the label rests on.
treated_scores as (
    select distinct
        labelled_scores.account_id,
        labelled_scores.score_date,
        labelled_scores.horizon_days
    from labelled_scores
    inner join treated_days
        on
            labelled_scores.account_id = treated_days.account_id
            and labelled_scores.score_date < treated_days.treated_on
            and labelled_scores.gap_ends_on >= treated_days.treated_on
),

-- Dates are split by the number of closed windows and not of labels, so that no outcome moves a
-- split.
date_counts as (
    select
        basis,
        horizon_days,
        score_date,
        train_share,
        validation_share,
        sum(case when outcome = 'window_open' then 0 else 1 end) as observations
    from labelled_scores
    group by basis, horizon_days, score_date, train_share, validation_share
),

dates_with_running_counts as (
    select
        date_counts.*,
        sum(observations) over (partition by basis, horizon_days) as all_observations,
        sum(observations) over (
            partition by basis, horizon_days order by score_date
        ) as observations_so_far
    from date_counts
),

split_dates as (
    select
        basis,
        horizon_days,
        score_date,
        case
            when observations_so_far <= train_share * all_observations then 1
            when observations_so_far <= (train_share + validation_share) * all_observations then 2
            else 3
        end as split_number
    from dates_with_running_counts
),

scores_with_date_split as (
    select
        scores_with_stage.*,
        case
            when scores_with_stage.stage_accounts >= scores_with_stage.min_stage_accounts
                then scores_with_stage.stage
        end as compared_stage,
        split_dates.split_number,
        min(split_dates.split_number) over (
            partition by
                scores_with_stage.basis,
                scores_with_stage.account_id,
                scores_with_stage.horizon_days
        ) as first_split_number
    from scores_with_stage
    inner join split_dates
        on
            scores_with_stage.basis = split_dates.basis
            and scores_with_stage.horizon_days = split_dates.horizon_days
            and scores_with_stage.score_date = split_dates.score_date
),

-- An account first seen late can only be assigned to a split that is not over by then.
scores_with_passed_share as (
    select
        scores_with_date_split.*,
        case first_split_number
            when 1 then cast(0 as decimal(9, 4))
            when 2 then train_share
            else train_share + validation_share
        end as passed_share
    from scores_with_date_split
),

scores_with_split_point as (
    select
        scores_with_passed_share.*,
        passed_share + (1 - passed_share) * {{ draw_of('account_id') }} as split_point
    from scores_with_passed_share
),

scores_with_splits as (
    select
        scores_with_split_point.*,
        case
            when split_point < train_share then 1
            when split_point < train_share + validation_share then 2
            else 3
        end as account_split_number
    from scores_with_split_point
),

-- A row belongs to a split only where its date and its account do: accounts of the training split
-- are not used again for validation or in the holdout.
outcomes as (
    select
        scores_with_splits.account_id,
        scores_with_splits.score_date,
        scores_with_splits.horizon_days,
        scores_with_splits.model_version,
        scores_with_splits.segment,
        coalesce(scores_with_splits.compared_stage, 'any') as compared_stage,
        scores_with_splits.score,
        scores_with_splits.band,
        scores_with_splits.basis,
        scores_with_splits.gap_ends_on,
        scores_with_splits.window_ends_on,
        scores_with_splits.outcome,
        case scores_with_splits.outcome when 'churned' then true when 'retained' then false end
            as has_churned,
        treated_scores.account_id is not null as is_treated,
        case scores_with_splits.account_split_number
            when 1 then 'train'
            when 2 then 'validation'
            else 'holdout'
        end as account_split,
        case
            when scores_with_splits.split_number <> scores_with_splits.account_split_number
                then 'none'
            when scores_with_splits.split_number = 1 then 'train'
            when scores_with_splits.split_number = 2 then 'validation'
            else 'holdout'
        end as split,
        scores_with_splits.fold
    from scores_with_splits
    left join treated_scores
        on
            scores_with_splits.account_id = treated_scores.account_id
            and scores_with_splits.score_date = treated_scores.score_date
            and scores_with_splits.horizon_days = treated_scores.horizon_days
)

select * from outcomes
