with

events as (
    select * from {{ ref('stg_product__events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

user_event_days as (
    select
        events.account_id,
        events.user_id,
        events.event_type,
        cast(events.occurred_at as date) as date_day,
        count(*) as event_count
    from events
    inner join accounts
        on events.account_id = accounts.account_id
    where cast(events.occurred_at as date) between accounts.started_on and accounts.ended_on
    group by events.account_id, events.user_id, events.event_type, cast(events.occurred_at as date)
)

select * from user_event_days
