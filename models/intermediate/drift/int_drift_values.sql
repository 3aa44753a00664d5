{{ config(materialized='view') }}

{%- set cell = ['model_version', 'segment', 'stage', 'age_band', 'month', 'account_id'] %}

-- What drift is measured on: coverage, values, statuses and churn of each scored date, each as a
-- number. One row per account, score date, measure and subject.
with

account_dates as (
    select * from {{ ref('int_drift_account_dates') }}
),

metrics as (
    select
        account_id,
        score_date,
        metric,
        value_status = 'observed' as is_observed,
        normalised_value
    from {{ ref('int_health_metrics') }}
    where track = 'live'
),

account_metrics as (
    select
        {% for column in cell -%}
        account_dates.{{ column }},
        {% endfor -%}
        metrics.metric,
        metrics.is_observed,
        metrics.normalised_value
    from account_dates
    inner join metrics
        on
            account_dates.account_id = metrics.account_id
            and account_dates.score_date = metrics.score_date
),

drift_values as (
    select
        {{ cell | join(', ') }},
        'coverage' as measure,
        'score' as subject,
        cast(coverage as decimal(18, 6)) as value
    from account_dates
    where status in ('scored', 'too_little_data')
    union all
    select
        {{ cell | join(', ') }},
        'coverage' as measure,
        metric as subject,
        cast(case when is_observed then 1 else 0 end as decimal(18, 6)) as value
    from account_metrics
    union all
    select
        {{ cell | join(', ') }},
        'value' as measure,
        'score' as subject,
        value
    from account_dates
    where status = 'scored'
    union all
    select
        {{ cell | join(', ') }},
        'value' as measure,
        metric as subject,
        normalised_value as value
    from account_metrics
    where is_observed
    {% for status in ['too_early', 'too_little_data'] -%}
    union all
    select
        {{ cell | join(', ') }},
        'status_share' as measure,
        '{{ status }}' as subject,
        cast(case when status = '{{ status }}' then 1 else 0 end as decimal(18, 6)) as value
    from account_dates
    {% endfor -%}
    union all
    select
        {{ cell | join(', ') }},
        'churn_rate' as measure,
        band as subject,
        cast(case when churns then 1 else 0 end as decimal(18, 6)) as value
    from account_dates
    where churns is not null
)

select * from drift_values
