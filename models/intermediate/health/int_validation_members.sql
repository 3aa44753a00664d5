{{ config(materialized='view') }}

with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

by_segment as (
    select predictions.*, segment as cohort_segment from predictions
    union all
    select predictions.*, 'all' as cohort_segment from predictions
),

by_split as (
    select by_segment.*, split as cohort_split from by_segment
    where split <> 'none'
    union all
    select by_segment.*, 'all' as cohort_split from by_segment
),

by_population as (
    select by_split.*, 'all' as population from by_split
    union all
    select by_split.*, 'untreated' as population from by_split
    where not is_treated
),

members as (
    select
        {{ validation_cohort_key('cohort_segment', 'cohort_split', 'population', 'predictor') }}
            as cohort_key,
        model_version,
        cohort_segment as segment,
        horizon_days,
        cohort_split as split,
        population,
        predictor,
        account_id,
        score_date,
        predictor_value,
        churned,
        bin,
        probability_bins,
        churn_probability
    from by_population
)

select * from members
