{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

with

account_dates as (
    select * from {{ ref('int_drift_account_dates') }}
),

compared as (
    select * from {{ ref('int_drift_sums') }}
),

stability as (
    select * from {{ ref('int_drift_stability') }}
),

calibration as (
    select * from {{ ref('int_drift_calibration') }}
),

judgeable as (
    select
        'psi' as measure,
        compared.subject,
        compared.model_version,
        compared.segment,
        compared.stage,
        compared.month,
        compared.accounts,
        compared.unmatched_accounts,
        compared.reference_accounts,
        cast(null as decimal(18, 10)) as value,
        cast(null as decimal(18, 10)) as reference_value,
        {{ round_half_up('stability.psi', 10) }} as drift,
        (stability.bucket_count - 1) * compared.variance as noise
    from compared
    left join stability
        on
            compared.month = stability.month
            {% for column in cell -%}
            and compared.{{ column }} = stability.{{ column }}
            {% endfor %}
    where compared.measure = 'value'
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
    from compared
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
    from compared
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
        judgeable.*,
        finished_windows.reference_from,
        finished_windows.reference_to
    from judgeable
    left join finished_windows
        on
            judgeable.model_version = finished_windows.model_version
            and judgeable.stage = finished_windows.stage
            and judgeable.month = finished_windows.month
    union all
    select * from calibration
)

select * from measures
