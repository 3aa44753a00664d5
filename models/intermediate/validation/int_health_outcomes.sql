with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

restated as (
    select * from {{ ref('int_health_scores') }}
    where status = 'scored' and track = 'live'
),

published as (
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
    from restated
    union all
    select
        'known_then' as basis,
        published.account_id,
        published.score_date,
        published.model_version,
        accounts.segment,
        published.score,
        published.band
    from published
    inner join accounts
        on published.account_id = accounts.account_id
),

-- 2000-01-03 is a Monday: every so many weeks as a horizon fills, on the same days in every build.
sampled as (
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
    from sampled
),

-- What the window tells and no later day: the end of the terms that began by its end. Terms that
-- run past the window, and that nobody had given notice of, bind the account throughout it.
window_terms as (
    select
        windows.account_id,
        windows.score_date,
        windows.window_ends_on,
        max(coalesce(subscription_periods.ends_on, cast('9999-12-31' as date))) as terms_end_on,
        max(
            case
                when {{ is_bound_beyond('windows.window_ends_on', 'windows.score_date') }} then 1
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

labelled as (
    select
        sampled.*,
        case
            when sampled.window_ends_on > build_moment.as_of then 'window_open'
            when window_terms.is_bound then 'not_at_risk'
            when
                completions.completed_on <= sampled.window_ends_on
                then 'completed'
            when window_terms.terms_end_on <= sampled.gap_ends_on then 'churned_in_gap'
            when window_terms.terms_end_on <= sampled.window_ends_on then 'churned'
            else 'retained'
        end as outcome
    from sampled
    cross join build_moment
    left join window_terms
        on
            sampled.account_id = window_terms.account_id
            and sampled.score_date = window_terms.score_date
            and sampled.window_ends_on = window_terms.window_ends_on
    left join completions
        on
            window_terms.account_id = completions.account_id
            and window_terms.terms_end_on = completions.completed_on
),

-- Score and churn both go with age, so an account is compared with those of its stage.
staged as (
    select
        labelled.*,
        stages.stage,
        sum(case when labelled.outcome in ('churned', 'retained') then 1 else 0 end) over (
            partition by
                labelled.basis, labelled.model_version, labelled.horizon_days,
                labelled.score_date, stages.stage
        ) as stage_accounts
    from labelled
    left join stages
        on
            labelled.account_id = stages.account_id
            and labelled.score_date = stages.score_date
),

-- A landmark: who was treated is settled when the gap ends, before anything that the label tells.
treated as (
    select distinct
        labelled.account_id,
        labelled.score_date,
        labelled.horizon_days
    from labelled
    inner join treated_days
        on
            labelled.account_id = treated_days.account_id
            and labelled.score_date < treated_days.treated_on
            and labelled.gap_ends_on >= treated_days.treated_on
),

-- By closed windows and not by labels, so that no outcome moves a split.
dates as (
    select
        basis,
        horizon_days,
        score_date,
        train_share,
        validation_share,
        sum(case when outcome = 'window_open' then 0 else 1 end) as observations
    from labelled
    group by basis, horizon_days, score_date, train_share, validation_share
),

dates_so_far as (
    select
        dates.*,
        sum(observations) over (partition by basis, horizon_days) as all_observations,
        sum(observations) over (
            partition by basis, horizon_days order by score_date
        ) as observations_so_far
    from dates
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
    from dates_so_far
),

dated as (
    select
        staged.*,
        case when staged.stage_accounts >= staged.min_stage_accounts then staged.stage end
            as compared_stage,
        split_dates.split_number,
        min(split_dates.split_number) over (
            partition by staged.basis, staged.account_id, staged.horizon_days
        ) as first_split_number
    from staged
    inner join split_dates
        on
            staged.basis = split_dates.basis
            and staged.horizon_days = split_dates.horizon_days
            and staged.score_date = split_dates.score_date
),

-- An account first seen late can only be allotted to a split that is not over by then.
reachable as (
    select
        dated.*,
        case first_split_number
            when 1 then cast(0 as decimal(9, 4))
            when 2 then train_share
            else train_share + validation_share
        end as passed_share
    from dated
),

allotted as (
    select
        reachable.*,
        passed_share + (1 - passed_share) * {{ draw_of('account_id') }} as split_point
    from reachable
),

numbered as (
    select
        allotted.*,
        case
            when split_point < train_share then 1
            when split_point < train_share + validation_share then 2
            else 3
        end as account_split_number
    from allotted
),

outcomes as (
    select
        numbered.account_id,
        numbered.score_date,
        numbered.horizon_days,
        numbered.model_version,
        numbered.segment,
        coalesce(numbered.compared_stage, 'any') as compared_stage,
        numbered.score,
        numbered.band,
        numbered.basis,
        numbered.gap_ends_on,
        numbered.window_ends_on,
        numbered.outcome,
        case numbered.outcome when 'churned' then true when 'retained' then false end
            as has_churned,
        treated.account_id is not null as is_treated,
        case numbered.account_split_number
            when 1 then 'train'
            when 2 then 'validation'
            else 'holdout'
        end as account_split,
        case
            when numbered.split_number <> numbered.account_split_number then 'none'
            when numbered.split_number = 1 then 'train'
            when numbered.split_number = 2 then 'validation'
            else 'holdout'
        end as split,
        numbered.fold
    from numbered
    left join treated
        on
            numbered.account_id = treated.account_id
            and numbered.score_date = treated.score_date
            and numbered.horizon_days = treated.horizon_days
)

select * from outcomes
