with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

cells as (
    select distinct
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        is_treated,
        predictor
    from predictions
),

numbered as (
    select
        cells.*,
        row_number() over (
            order by
                basis, model_version, segment, horizon_days, split, is_treated, predictor
        ) as cell_number
    from cells
),

by_segment as (
    select numbered.*, segment as cohort_segment from numbered
    union all
    select numbered.*, 'all' as cohort_segment from numbered
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

keyed as (
    select
        by_population.*,
        {{ validation_cohort_key('cohort_segment', 'cohort_split', 'population', 'predictor') }}
            as cohort_key
    from by_population
),

cohorts as (
    select
        keyed.*,
        dense_rank() over (order by cohort_key) as cohort_number
    from keyed
)

select * from cohorts
