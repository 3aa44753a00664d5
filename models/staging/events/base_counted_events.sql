-- Accepted events from which signals and milestones are counted: without excluded days and users of
-- the product stream. One row per event.
with

events as (
    select * from {{ ref('base_resolved_events') }}
    where reject_reason is null
),

excluded_days as (
    select * from {{ ref('base_excluded_days') }}
),

excluded_users as (
    select * from {{ ref('excluded_users') }}
),

counted_events as (
    select events.*
    from events
    left join excluded_days
        on
            case when events.source = 'product' then events.event_type end
            = excluded_days.event_type
            and {{ day_of('events.occurred_at') }} = excluded_days.date_day
    left join excluded_users
        on
            case when events.source = 'product' then events.user_id end = excluded_users.user_id
    where excluded_days.date_day is null and excluded_users.user_id is null
)

select * from counted_events
