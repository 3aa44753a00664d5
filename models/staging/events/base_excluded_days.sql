-- Days of the excluded_days seed, expanded. One row per product event type and day up to the as-of
-- day.
{{ config(materialized='table') }}

with

excluded_days as (
    select * from {{ ref('excluded_days') }}
),

events as (
    select * from {{ ref('base_events') }}
    where source = 'product' and event_type is not null
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

visible_ranges as (
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
    from visible_ranges
    where excluded_from <= excluded_to
),

whole_days as (
    select distinct date_day from each_excluded_day
    where event_type = 'any'
),

-- Days of type any are expanded to the event types of the day, so that an equality join finds
-- events.
types_of_whole_days as (
    select
        events.event_type,
        whole_days.date_day
    from events
    inner join whole_days
        on {{ day_of('events.occurred_at') }} = whole_days.date_day
),

single_days as (
    select
        event_type,
        date_day
    from each_excluded_day
    where event_type <> 'any'
    union distinct
    select
        event_type,
        date_day
    from types_of_whole_days
)

select * from single_days
