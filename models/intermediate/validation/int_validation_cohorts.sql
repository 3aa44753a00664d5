-- Which cohorts each cell of predictions belongs to: its own segment and all, its own split and
-- all, all accounts and the untreated. One row per cell and cohort.
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

numbered_cells as (
    select
        cells.*,
        row_number() over (
            order by
                basis, model_version, segment, horizon_days, split, is_treated, predictor
        ) as cell_number
    from cells
),

cells_by_segment as (
    select numbered_cells.*, segment as cohort_segment from numbered_cells
    union all
    select numbered_cells.*, 'all' as cohort_segment from numbered_cells
),

cells_by_split as (
    select cells_by_segment.*, split as cohort_split from cells_by_segment
    where split <> 'none'
    union all
    select cells_by_segment.*, 'all' as cohort_split from cells_by_segment
),

cells_by_population as (
    select cells_by_split.*, 'all' as population from cells_by_split
    union all
    select cells_by_split.*, 'untreated' as population from cells_by_split
    where not is_treated
),

cells_with_key as (
    select
        cells_by_population.*,
        {{ validation_cohort_key('cohort_segment', 'cohort_split', 'population', 'predictor') }}
            as cohort_key
    from cells_by_population
),

cohorts as (
    select
        cells_with_key.*,
        dense_rank() over (order by cohort_key) as cohort_number
    from cells_with_key
)

select * from cohorts
