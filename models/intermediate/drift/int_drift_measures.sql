{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

-- Drift of each measure and the noise that chance gives so few accounts. One row per version,
-- segment, stage, month, measure and subject.
with

account_dates as (
    select * from {{ ref('int_drift_account_dates') }}
),

drift_sums as (
    select * from {{ ref('int_drift_sums') }}
),

stability as (
    select * from {{ ref('int_drift_stability') }}
),

calibration as (
    select * from {{ ref('int_drift_calibration') }}
),

drift_measures as (
    select
        'psi' as measure,
        drift_sums.subject,
        drift_sums.model_version,
        drift_sums.segment,
        drift_sums.stage,
        drift_sums.month,
        drift_sums.accounts,
        drift_sums.unmatched_accounts,
        drift_sums.reference_accounts,
        cast(null as decimal(18, 10)) as value,
        cast(null as decimal(18, 10)) as reference_value,
        {{ round_half_up('stability.psi', 10) }} as drift,
        (stability.bucket_count - 1) * drift_sums.variance as noise
    from drift_sums
    left join stability
        on
            drift_sums.month = stability.month
            {% for column in cell -%}
            and drift_sums.{{ column }} = stability.{{ column }}
            {% endfor %}
    where drift_sums.measure = 'value'
    union all
    select
        'mean_shift' as measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        accounts,
        unmatched_accounts,
        reference_accounts,
        value,
        reference_value,
        {{ round_half_up('mean_difference / reference_deviation', 10) }} as drift,
        sqrt(variance) as noise
    from drift_sums
    where measure = 'value'
    union all
    select
        measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        accounts,
        unmatched_accounts,
        reference_accounts,
        value,
        reference_value,
        value - reference_value as drift,
        sqrt({{ as_double('reference_value * (1 - reference_value)') }} * variance) as noise
    from drift_sums
    where measure <> 'value'
),

-- The windows of the ages that a month has.
finished_windows as (
    select
        model_version,
        stage,
        month,
        min(reference_from) as reference_from,
        max(reference_to) as reference_to
    from account_dates
    where month is not null
    group by model_version, stage, month
),

measures as (
    select
        drift_measures.*,
        finished_windows.reference_from,
        finished_windows.reference_to
    from drift_measures
    left join finished_windows
        on
            drift_measures.model_version = finished_windows.model_version
            and drift_measures.stage = finished_windows.stage
            and drift_measures.month = finished_windows.month
    union all
    select * from calibration
)

select * from measures
