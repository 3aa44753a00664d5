with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
    where has_churned is not null
),

drivers as (
    select * from {{ ref('int_health_drivers') }}
    where value_status = 'observed' and track = 'live'
),

candidates as (
    select * from {{ ref('int_health_scores') }}
    where status = 'scored' and track <> 'live'
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

predictors as (
    select
        'score' as predictor,
        account_id,
        score_date,
        cast(score as decimal(18, 6)) as predictor_value
    from (select distinct account_id, score_date, score from outcomes) as scores
    union all
    select
        'candidate ' || track as predictor,
        account_id,
        score_date,
        cast(score as decimal(18, 6)) as predictor_value
    from candidates
    union all
    select
        metric as predictor,
        account_id,
        score_date,
        cast(100 * normalised as decimal(18, 6)) as predictor_value
    from drivers
),

observed as (
    select
        outcomes.account_id,
        outcomes.score_date,
        outcomes.horizon_days,
        outcomes.model_version,
        outcomes.segment,
        outcomes.split,
        outcomes.is_treated,
        predictors.predictor,
        predictors.predictor_value,
        case when outcomes.has_churned then 1 else 0 end as churned,
        validation_horizons.probability_bins,
        validation_horizons.prior_weight,
        cast(
            least(
                floor(
                    cast(
                        predictors.predictor_value * validation_horizons.probability_bins as double
                    ) / 100
                ) + 1,
                validation_horizons.probability_bins
            ) as integer
        ) as bin
    from outcomes
    inner join predictors
        on
            outcomes.account_id = predictors.account_id
            and outcomes.score_date = predictors.score_date
    inner join validation_horizons
        on outcomes.horizon_days = validation_horizons.horizon_days
),

trained as (
    select
        horizon_days,
        model_version,
        predictor,
        count(*) as observations,
        sum(churned) as churners
    from observed
    where split = 'train'
    group by horizon_days, model_version, predictor
),

trained_bins as (
    select
        horizon_days,
        model_version,
        predictor,
        bin,
        count(*) as observations,
        sum(churned) as churners
    from observed
    where split = 'train'
    group by horizon_days, model_version, predictor, bin
),

-- Half a churner more on either side, so that no probability is 0 or 1.
base_rates as (
    select
        trained.*,
        cast(churners + 0.5 as double) / (observations + 1) as base_rate
    from trained
),

predictions as (
    select
        observed.account_id,
        observed.score_date,
        observed.horizon_days,
        observed.model_version,
        observed.segment,
        observed.split,
        observed.is_treated,
        observed.predictor,
        observed.predictor_value,
        observed.churned,
        observed.bin,
        observed.probability_bins,
        {{ round_half_up(
            '(coalesce(trained_bins.churners, 0) + observed.prior_weight * base_rates.base_rate)'
            ~ ' / (coalesce(trained_bins.observations, 0) + observed.prior_weight)', 12
        ) }} as churn_probability
    from observed
    left join base_rates
        on
            observed.horizon_days = base_rates.horizon_days
            and observed.model_version = base_rates.model_version
            and observed.predictor = base_rates.predictor
    left join trained_bins
        on
            observed.horizon_days = trained_bins.horizon_days
            and observed.model_version = trained_bins.model_version
            and observed.predictor = trained_bins.predictor
            and observed.bin = trained_bins.bin
)

select * from predictions
