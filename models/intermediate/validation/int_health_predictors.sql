-- Each labelled outcome with the value and bin of each predictor: the score, candidate scores, and
-- metrics that were observed. One row per basis, account, score date, horizon and predictor.
with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
    where has_churned is not null
),

drivers as (
    select * from {{ ref('int_health_drivers') }}
    where value_status = 'observed' and track = 'live'
),

scorecards as (
    select * from {{ ref('scorecards') }}
),

candidates as (
    select scores.*
    from {{ ref('int_health_scores') }} as scores
    left join scorecards
        on scores.track = scorecards.track
    where scores.status = 'scored' and scores.track <> 'live' and scorecards.track is null
),

published_scores as (
    select * from {{ ref('int_health_published') }}
    where status = 'scored'
),

health_weights as (
    select * from {{ ref('health_weights') }}
    where weight > 0
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

sampled_scores as (
    select distinct
        basis,
        account_id,
        score_date,
        score,
        band
    from outcomes
),

published_components as (
    select
        sampled_scores.account_id,
        sampled_scores.score_date,
        health_weights.metric,
        {{ json_text('published_scores.components', 'health_weights.metric') }} as component
    from sampled_scores
    inner join published_scores
        on
            sampled_scores.account_id = published_scores.account_id
            and sampled_scores.score_date = published_scores.score_date
    inner join health_weights
        on published_scores.model_version = health_weights.model_version
    where
        sampled_scores.basis = 'known_then'
),

published_metrics as (
    select
        account_id,
        score_date,
        metric,
        cast({{ json_text('component', "'normalised'") }} as decimal(18, 6)) as normalised
    from published_components
    where {{ json_text('component', "'value'") }} is not null
),

predictors as (
    select
        basis,
        'score' as predictor,
        account_id,
        score_date,
        cast(score as decimal(18, 6)) as predictor_value,
        band
    from sampled_scores
    union all
    select
        'restated' as basis,
        'candidate ' || track as predictor,
        account_id,
        score_date,
        cast(score as decimal(18, 6)) as predictor_value,
        band
    from candidates
    union all
    select
        'restated' as basis,
        metric as predictor,
        account_id,
        score_date,
        cast(100 * normalised as decimal(18, 6)) as predictor_value,
        cast(null as {{ dbt.type_string() }}) as band
    from drivers
    union all
    select
        'known_then' as basis,
        metric as predictor,
        account_id,
        score_date,
        cast(100 * normalised as decimal(18, 6)) as predictor_value,
        cast(null as {{ dbt.type_string() }}) as band
    from published_metrics
),

observed_predictors as (
    select
        outcomes.basis,
        outcomes.account_id,
        outcomes.score_date,
        outcomes.horizon_days,
        outcomes.model_version,
        outcomes.segment,
        outcomes.compared_stage,
        outcomes.split,
        outcomes.fold,
        outcomes.is_treated,
        predictors.predictor,
        predictors.predictor_value,
        case when outcomes.has_churned then 1 else 0 end as churned,
        case
            when predictors.band is not null
                then
                    case when predictors.band = validation_horizons.high_risk_band then 1 else 0 end
        end as high_risk,
        validation_horizons.probability_bins,
        validation_horizons.prior_weight,
        {{ score_bin('predictors.predictor_value') }} as bin
    from outcomes
    inner join predictors
        on
            outcomes.basis = predictors.basis
            and outcomes.account_id = predictors.account_id
            and outcomes.score_date = predictors.score_date
    inner join validation_horizons
        on outcomes.horizon_days = validation_horizons.horizon_days
)

select * from observed_predictors
