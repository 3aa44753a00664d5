-- Product events by day. One row per account, event type and day of the account.
with

events as (
    select
        account_id,
        event_type,
        {{ day_of('occurred_at') }} as date_day
    from {{ ref('stg_product__events') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

event_type_days as (
    select
        events.account_id,
        events.event_type,
        events.date_day,
        cast(count(*) as integer) as event_count
    from events
    inner join updates
        on events.account_id = updates.account_id
    where events.date_day between updates.{{ first_day() }} and updates.ended_on
    group by events.account_id, events.event_type, events.date_day
)

select * from event_type_days
