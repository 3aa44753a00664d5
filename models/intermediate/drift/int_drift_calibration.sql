-- Calibration: observed less predicted churn of a month, beside that of the training split. One row
-- per version, segment, horizon and month.
with

-- Other accounts and later months are compared with the training split; no probability has seen
-- its own outcome.
predictions as (
    select
        account_id,
        model_version,
        segment as own_segment,
        cast(horizon_days as {{ dbt.type_string() }}) || ' days' as subject,
        score_date,
        case
            when split <> 'train' then cast({{ dbt.date_trunc('month', 'score_date') }} as date)
        end as month,
        churned,
        cast(churn_probability as decimal(18, 12)) as probability
    from {{ ref('int_health_predictions') }}
    where predictor = 'score' and basis = 'restated' and churn_probability is not null
),

predictions_by_segment as (
    select predictions.*, own_segment as segment from predictions
    union all
    select predictions.*, 'all' as segment from predictions
),

gaps as (
    select
        subject,
        model_version,
        segment,
        month,
        min(score_date) as first_date,
        max(score_date) as last_date,
        count(distinct account_id) as accounts,
        {{ round_half_up(as_double('sum(churned - probability)') ~ ' / count(*)', 10) }} as value,
        sqrt(
            {{ as_double('sum(cast(probability * (1 - probability) as decimal(28, 24)))') }}
        ) / count(*) as error
    from predictions_by_segment
    group by subject, model_version, segment, month
),

gap_differences as (
    select
        'calibration' as measure,
        gaps.subject,
        gaps.model_version,
        gaps.segment,
        'all' as stage,
        gaps.month,
        gaps.accounts,
        0 as unmatched_accounts,
        coalesce(reference.accounts, 0) as reference_accounts,
        gaps.value,
        reference.value as reference_value,
        gaps.value - reference.value as drift,
        sqrt(gaps.error * gaps.error + reference.error * reference.error) as noise,
        training.first_date as reference_from,
        training.last_date as reference_to
    from gaps
    left join gaps as reference
        on
            gaps.subject = reference.subject
            and gaps.model_version = reference.model_version
            and gaps.segment = reference.segment
            and reference.month is null
    left join gaps as training
        on
            gaps.subject = training.subject
            and gaps.model_version = training.model_version
            and training.segment = 'all'
            and training.month is null
    where gaps.month is not null
)

select * from gap_differences
