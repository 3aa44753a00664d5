-- Accepted rows by stream and week of the event, and how many were loaded in time. One row per
-- stream and week.
with

events as (
    select * from {{ ref('base_events') }}
    where reject_reason is null
),

staging_level as (
    select * from {{ ref('service_levels') }}
    where level = 'events_staged'
),

delays as (
    select
        events.source,
        {{ first_day_of('week', day_of('events.occurred_at')) }} as week_start,
        count(*) as events,
        sum(
            case
                when
                    {{ microseconds_between('events.occurred_at', 'events.loaded_at') }}
                    <= staging_level.within_minutes * {{ as_double('60000000') }}
                    then 1
                else 0
            end
        ) as events_in_time
    from events
    cross join staging_level
    group by events.source, {{ first_day_of('week', day_of('events.occurred_at')) }}
)

select * from delays
