-- Predictions by the score and the candidates, repeated for each cohort that they belong to. One
-- row per cohort, account and score date.
{{ config(materialized='view') }}

with

predictions as (
    select * from {{ ref('int_health_predictions') }}
    where predictor = 'score' or predictor like 'candidate %'
),

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

members as (
    select
        validation_cohorts.cohort_key,
        validation_cohorts.basis,
        validation_cohorts.model_version,
        validation_cohorts.cohort_segment as segment,
        validation_cohorts.horizon_days,
        validation_cohorts.cohort_split as split,
        validation_cohorts.population,
        validation_cohorts.predictor,
        predictions.account_id,
        predictions.score_date,
        predictions.compared_stage,
        predictions.predictor_value,
        predictions.churned,
        predictions.bin,
        predictions.probability_bins,
        predictions.churn_probability
    from predictions
    inner join validation_cohorts
        on
            predictions.predictor = validation_cohorts.predictor
            and predictions.basis = validation_cohorts.basis
            and predictions.model_version = validation_cohorts.model_version
            and predictions.segment = validation_cohorts.segment
            and predictions.horizon_days = validation_cohorts.horizon_days
            and predictions.split = validation_cohorts.split
            and predictions.is_treated = validation_cohorts.is_treated
)

select * from members
