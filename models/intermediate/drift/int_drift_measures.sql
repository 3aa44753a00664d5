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

shares as (
    select * from {{ ref('int_drift_shares') }}
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
        compared.value_accounts as accounts,
        compared.reference_value_accounts as reference_accounts,
        cast(null as decimal(18, 10)) as value,
        cast(null as decimal(18, 10)) as reference_value,
        {{ round_half_up('stability.psi', 10) }} as drift,
        (stability.bucket_count - 1) * (
            {{ as_double('1') }} / nullif(compared.value_accounts, 0)
            + {{ as_double('1') }} / nullif(compared.reference_value_accounts, 0)
        ) as noise
    from compared
    left join stability
        on
            compared.month = stability.month
            {% for column in cell -%}
            and compared.{{ column }} = stability.{{ column }}
            {% endfor %}
    union all
    select
        'mean_shift' as measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        value_accounts as accounts,
        reference_value_accounts as reference_accounts,
        value_mean as value,
        reference_mean as reference_value,
        {{ round_half_up('mean_difference / nullif(reference_deviation, 0)', 10) }} as drift,
        sqrt(
            {{ as_double('1') }} / nullif(value_accounts, 0)
            + {{ as_double('1') }} / nullif(reference_value_accounts, 0)
        ) as noise
    from compared
    union all
    select
        'coverage' as measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        accounts,
        reference_accounts,
        coverage as value,
        reference_coverage as reference_value,
        coverage - reference_coverage as drift,
        sqrt(
            {{ as_double('reference_coverage * (1 - reference_coverage)') }}
            * (
                {{ as_double('1') }} / accounts
                + {{ as_double('1') }} / nullif(reference_accounts, 0)
            )
        ) as noise
    from compared
    union all
    select * from shares
),

finished_windows as (
    select distinct
        model_version,
        stage,
        reference_from,
        reference_to
    from account_dates
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
    union all
    select * from calibration
)

select * from measures
