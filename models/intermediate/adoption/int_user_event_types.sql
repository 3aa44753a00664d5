-- When each user first and last sent each product event type, on days that are over. One row per
-- account, user and event type.
with

events as (
    select
        account_id,
        user_id,
        event_type,
        {{ day_of('occurred_at') }} as date_day
    from {{ ref('stg_product__events') }}
    where user_id is not null
),

lives as (
    select * from {{ ref('int_usage_lives') }}
),

user_event_types as (
    select
        events.account_id,
        events.user_id,
        events.event_type,
        min(events.date_day) as first_used_on,
        max(events.date_day) as last_used_on
    from events
    inner join lives
        on events.account_id = lives.account_id
    where events.date_day between lives.started_on and lives.last_day
    group by events.account_id, events.user_id, events.event_type
)

select * from user_event_types
