-- Watermarks: how far each stream is heard, and its last complete day. One row per stream.
{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

events as (
    select
        source,
        loaded_at,
        {{ day_of('loaded_at') }} as loaded_on
    from {{ ref('base_events') }}
    where reject_reason is null
),

coverage as (
    select * from {{ ref('base_coverage') }}
    where subject = 'any'
),

rules as (
    select * from {{ ref('coverage_rules') }}
    where subject = 'any'
),

loads as (
    select
        source,
        loaded_on,
        max(loaded_at) as loaded_at
    from events
    group by source, loaded_on
),

-- Days without a load between two load days. A median of 0 means that the stream loads daily.
gaps as (
    select
        loads.*,
        {{ days_between(
            'lag(loaded_on) over (partition by source order by loaded_on)', 'loaded_on'
        ) }} - 1 as quiet_days
    from loads
),

rhythms as (
    select
        source,
        count(*) as load_days,
        {{ median('quiet_days') }} as quiet_days,
        max(loaded_at) as loaded_at,
        max(loaded_on) as loaded_on
    from gaps
    group by source
),

open_streams as (
    select source from coverage
    where observed_until is null
),

-- A stream that loads daily is heard up to its last load if today's load has not come yet, else up
-- to known_at.
horizons as (
    select
        rules.source,
        rules.silent_after_days is not null and open_streams.source is not null as can_be_late,
        case
            when
                rhythms.load_days >= rules.min_days
                and rhythms.quiet_days = 0
                and rhythms.loaded_on
                < {{ day_of(add_time('build_moment.known_at', 1, 'second')) }}
                then rhythms.loaded_at
            else build_moment.known_at
        end as heard_until
    from rules
    cross join build_moment
    left join rhythms
        on rules.source = rhythms.source
    left join open_streams
        on rules.source = open_streams.source
),

watermarks as (
    select
        horizons.source,
        horizons.heard_until,
        case
            when horizons.can_be_late
                then
                    least(
                        build_moment.over_on,
                        {{ add_days(day_of(add_time('horizons.heard_until', 1, 'second')), -1) }}
                    )
            else build_moment.over_on
        end as complete_through
    from horizons
    cross join build_moment
)

select * from watermarks
