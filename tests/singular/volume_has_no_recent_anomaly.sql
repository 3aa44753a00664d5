with

anomalies as (
    select * from {{ ref('volume_anomalies') }}
    where not is_excluded
),

volume_rules as (
    select * from {{ ref('volume_rules') }}
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

recent as (
    select anomalies.*
    from anomalies
    inner join volume_rules
        on anomalies.source = volume_rules.source
    cross join build_moment
    where
        {{ days_between('anomalies.date_day', 'build_moment.as_of') }} < volume_rules.report_days
)

select * from recent
