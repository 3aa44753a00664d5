-- The predictors with the churn probability of their bin, cross-fitted: from the curve that has not
-- seen the account's fold. One row per row of int_health_predictors.
with

predictors as (
    select * from {{ ref('int_health_predictors') }}
),

churn_curves as (
    select * from {{ ref('int_churn_curves') }}
),

predictions as (
    select
        predictors.basis,
        predictors.account_id,
        predictors.score_date,
        predictors.horizon_days,
        predictors.model_version,
        predictors.segment,
        predictors.compared_stage,
        predictors.split,
        predictors.is_treated,
        predictors.predictor,
        predictors.predictor_value,
        predictors.churned,
        predictors.high_risk,
        predictors.bin,
        predictors.probability_bins,
        churn_curves.base_rate,
        churn_curves.churn_probability
    from predictors
    left join churn_curves
        on
            predictors.basis = churn_curves.basis
            and predictors.horizon_days = churn_curves.horizon_days
            and predictors.model_version = churn_curves.model_version
            and predictors.predictor = churn_curves.predictor
            and predictors.bin = churn_curves.bin
            and predictors.fold = churn_curves.left_out_fold
)

select * from predictions
