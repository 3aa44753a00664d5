-- Coverage by day. One row per subject and day on which it is observed, up to the as-of day.
{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

coverage as (
    select
        coverage.source,
        coverage.subject,
        coverage.observed_from,
        coalesce(coverage.observed_until, build_moment.as_of) as observed_until
    from {{ ref('base_coverage') }} as coverage
    cross join build_moment
),

observed_days as (
    select
        source,
        subject,
        {{ each_day('observed_from', 'observed_until') }} as date_day,
        observed_from as observed_since
    from coverage{{ from_each_day('observed_from', 'observed_until') }}
)

select * from observed_days
