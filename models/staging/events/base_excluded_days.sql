with

excluded_days as (
    select * from {{ ref('excluded_days') }}
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

seen as (
    select
        excluded_days.event_type,
        excluded_days.excluded_from,
        least(excluded_days.excluded_to, build_moment.as_of) as excluded_to
    from excluded_days
    cross join build_moment
),

each_excluded_day as (
    select
        event_type,
        {{ each_day('excluded_from', 'excluded_to') }} as date_day
    from seen
    where excluded_from <= excluded_to
),

single_days as (
    select distinct
        event_type,
        date_day
    from each_excluded_day
)

select * from single_days
