-- The cohorts of rpt_health_validation with the outcomes that have no label, by reason. One row per
-- cohort.
with

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
),

outcomes_by_segment as (
    select outcomes.*, segment as cohort_segment from outcomes
    union all
    select outcomes.*, 'all' as cohort_segment from outcomes
),

unlabelled_counts as (
    select
        basis,
        model_version,
        cohort_segment,
        horizon_days,
        sum(case when outcome = 'window_open' then 1 else 0 end) as open_windows,
        sum(case when outcome = 'churned_in_gap' then 1 else 0 end) as churned_in_gap,
        sum(case when outcome in ('not_at_risk', 'completed') then 1 else 0 end) as not_at_risk,
        min(window_ends_on) as first_window_ends_on,
        cast(null as bigint) as left_out
    from outcomes_by_segment
    group by basis, model_version, cohort_segment, horizon_days
),

-- Labelled outcomes that cannot be validated as known then: no score was published by the end of
-- the score date.
unpublished_counts as (
    select
        'known_then' as basis,
        restated.model_version,
        restated.cohort_segment,
        restated.horizon_days,
        cast(null as bigint) as open_windows,
        cast(null as bigint) as churned_in_gap,
        cast(null as bigint) as not_at_risk,
        cast(null as date) as first_window_ends_on,
        count(*) as left_out
    from outcomes_by_segment as restated
    left join outcomes as known_then
        on
            known_then.basis = 'known_then'
            and restated.account_id = known_then.account_id
            and restated.score_date = known_then.score_date
            and restated.horizon_days = known_then.horizon_days
    where
        restated.basis = 'restated'
        and restated.has_churned is not null
        and known_then.account_id is null
    group by restated.model_version, restated.cohort_segment, restated.horizon_days
),

outcome_counts as (
    select * from unlabelled_counts
    union all
    select * from unpublished_counts
),

cohort_rows as (
    select
        cohort_key,
        cohort_number,
        basis,
        model_version,
        cohort_segment as segment,
        horizon_days,
        cohort_split as split,
        population,
        predictor,
        cast(null as bigint) as open_windows,
        cast(null as bigint) as churned_in_gap,
        cast(null as bigint) as not_at_risk,
        cast(null as date) as first_window_ends_on,
        cast(null as bigint) as left_out
    from validation_cohorts
    union all
    select
        {{ validation_cohort_key('cohort_segment', "'all'", "'all'", "'score'") }} as cohort_key,
        cast(null as bigint) as cohort_number,
        basis,
        model_version,
        cohort_segment as segment,
        horizon_days,
        'all' as split,
        'all' as population,
        'score' as predictor,
        open_windows,
        churned_in_gap,
        not_at_risk,
        first_window_ends_on,
        left_out
    from outcome_counts
),

cohorts as (
    select
        cohort_key,
        max(cohort_number) as cohort_number,
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        cast(sum(open_windows) as bigint) as open_windows,
        cast(sum(churned_in_gap) as bigint) as churned_in_gap,
        cast(sum(not_at_risk) as bigint) as not_at_risk,
        min(first_window_ends_on) as first_window_ends_on,
        cast(sum(left_out) as bigint) as left_out
    from cohort_rows
    group by
        cohort_key, basis, model_version, segment, horizon_days, split, population, predictor
)

select * from cohorts
