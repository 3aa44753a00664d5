-- Log loss and Brier score of the churn probabilities, and the churners of the high-risk band. One
-- row per cohort.
with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

-- A prediction belongs to up to eight cohorts, so it is counted by cell before cells are joined to
-- cohorts.
cell_probabilities as (
    select
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        is_treated,
        predictor,
        base_rate,
        churn_probability,
        churned,
        cast(count(*) as decimal(9, 0)) as row_count,
        sum(high_risk) as high_risk_count,
        sum(high_risk * churned) as high_risk_churners
    from predictions
    group by
        basis, model_version, segment, horizon_days, split, is_treated, predictor,
        base_rate, churn_probability, churned
),

terms as (
    select
        cell_probabilities.*,
        row_count * {{ round_half_up(
            'case when churned = 1 then -ln(' ~ as_double('churn_probability') ~ ')'
            ~ ' else -ln(1 - ' ~ as_double('churn_probability') ~ ') end', 12
        ) }} as log_loss_term,
        row_count * {{ round_half_up(
            '(' ~ as_double('churn_probability') ~ ' - churned)'
            ~ ' * (' ~ as_double('churn_probability') ~ ' - churned)', 12
        ) }} as brier_term,
        row_count * {{ round_half_up(
            '(' ~ as_double('base_rate') ~ ' - churned) * (' ~ as_double('base_rate')
            ~ ' - churned)', 12
        ) }} as base_term,
        case when churn_probability is not null then row_count end as predicted_count
    from cell_probabilities
),

losses as (
    select
        validation_cohorts.cohort_number,
        {{ as_double('sum(terms.log_loss_term)') }} / nullif(sum(terms.predicted_count), 0)
            as log_loss,
        {{ as_double('sum(terms.brier_term)') }} / nullif(sum(terms.predicted_count), 0)
            as brier_score,
        {{ as_double('sum(terms.base_term)') }} / nullif(sum(terms.predicted_count), 0)
            as base_brier_score,
        cast(sum(terms.high_risk_count) as bigint) as high_risk_observations,
        cast(sum(terms.high_risk_churners) as bigint) as high_risk_churners
    from terms
    inner join validation_cohorts
        on
            terms.basis = validation_cohorts.basis
            and terms.model_version = validation_cohorts.model_version
            and terms.segment = validation_cohorts.segment
            and terms.horizon_days = validation_cohorts.horizon_days
            and terms.split = validation_cohorts.split
            and terms.is_treated = validation_cohorts.is_treated
            and terms.predictor = validation_cohorts.predictor
    group by validation_cohorts.cohort_number
)

select * from losses
