with

drifts as (
    select * from {{ ref('health_drift') }}
),

last_months as (
    select
        model_version,
        measure,
        max(month) as month
    from drifts
    group by model_version, measure
),

latest as (
    select
        drifts.level,
        drifts.finding,
        drifts.measure,
        drifts.subject,
        drifts.segment,
        drifts.drift
    from drifts
    inner join last_months
        on
            drifts.model_version = last_months.model_version
            and drifts.measure = last_months.measure
            and drifts.month = last_months.month
    where drifts.level in ('warn', 'alert')
)

select * from latest
