with

drifts as (
    select * from {{ ref('rpt_health_drift') }}
    where status = 'compared'
),

drift_thresholds as (
    select * from {{ ref('drift_thresholds') }}
),

last_months as (
    select
        model_version,
        measure,
        max(month) as month
    from drifts
    group by model_version, measure
),

over_the_threshold as (
    select
        drifts.finding,
        drifts.measure,
        drifts.subject,
        drifts.segment,
        drifts.drift,
        drift_thresholds.fail_at
    from drifts
    inner join last_months
        on
            drifts.model_version = last_months.model_version
            and drifts.measure = last_months.measure
            and drifts.month = last_months.month
    inner join drift_thresholds
        on drifts.measure = drift_thresholds.measure
    where
        abs(drifts.drift) >= drift_thresholds.fail_at
        and abs(drifts.drift) >= drifts.noise
)

select * from over_the_threshold
