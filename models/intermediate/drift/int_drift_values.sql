{{ config(materialized='view') }}

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

drift_values as (
    select
        model_version,
        segment,
        stage,
        month,
        account_id,
        'score' as subject,
        cast(coverage as decimal(18, 6)) as coverage,
        value
    from account_dates
    where status in ('scored', 'too_little_data')
    union all
    select
        account_dates.model_version,
        account_dates.segment,
        account_dates.stage,
        account_dates.month,
        account_dates.account_id,
        metrics.metric as subject,
        cast(case when metrics.is_observed then 1 else 0 end as decimal(18, 6)) as coverage,
        case when metrics.is_observed then metrics.normalised_value end as value
    from account_dates
    inner join metrics
        on
            account_dates.account_id = metrics.account_id
            and account_dates.score_date = metrics.score_date
)

select * from drift_values
