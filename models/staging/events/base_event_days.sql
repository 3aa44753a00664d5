-- Accepted events by day, before accounts are resolved. One row per stream, event type and day.
{{ config(materialized='table') }}

with

events as (
    select
        source,
        event_type,
        {{ day_of('occurred_at') }} as date_day,
        user_id
    from {{ ref('base_events') }}
    where reject_reason is null
),

event_days as (
    select
        source,
        event_type,
        date_day,
        count(*) as event_count,
        count(user_id) as user_event_count
    from events
    group by source, event_type, date_day
)

select * from event_days
