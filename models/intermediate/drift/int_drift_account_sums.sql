-- Sums of the drift values by account, so that each account counts once. One row per version,
-- segment (and all), stage, age band, month, account, measure and subject.
with

drift_values as (
    select * from {{ ref('int_drift_values') }}
),

segment_sums as (
    select
        model_version,
        segment,
        stage,
        age_band,
        month,
        account_id,
        measure,
        subject,
        count(*) as row_count,
        sum(value) as value_sum,
        sum(cast(cast(value as decimal(19, 6)) * value as decimal(28, 12))) as square_sum,
        min(value) as least_value,
        max(value) as greatest_value
    from drift_values
    group by model_version, segment, stage, age_band, month, account_id, measure, subject
),

account_sums as (
    select * from segment_sums
    union all
    select
        model_version,
        'all' as segment,
        stage,
        age_band,
        month,
        account_id,
        measure,
        subject,
        row_count,
        value_sum,
        square_sum,
        least_value,
        greatest_value
    from segment_sums
)

select * from account_sums
