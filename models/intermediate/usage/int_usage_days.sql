-- Product usage by day, summed over users. One row per account and day with any product event.
with

user_days as (
    select * from {{ ref('int_user_days') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

usage_days as (
    select
        user_days.account_id,
        user_days.date_day,
        cast(sum(user_days.events) as integer) as events,
        cast(sum(user_days.active_events) as integer) as active_events,
        cast(
            sum(case when user_days.user_id is not null then user_days.active_events else 0 end)
            as integer
        ) as user_events,
        cast(
            count(case when user_days.active_events > 0 then user_days.user_id end) as integer
        ) as active_users,
        cast(sum(user_days.sessions) as integer) as sessions,
        cast(sum(user_days.login_events) as integer) as login_events,
        cast(sum(user_days.core_events) as integer) as core_events,
        cast(sum(user_days.value_events) as integer) as value_events,
        cast(sum(user_days.api_call_events) as integer) as api_call_events,
        cast(sum(user_days.metered_events) as integer) as metered_events,
        cast(sum(user_days.calls) as integer) as calls,
        cast(sum(user_days.failed_calls) as integer) as failed_calls
    from user_days
    inner join updates
        on user_days.account_id = updates.account_id
    where user_days.date_day >= updates.{{ first_day() }}
    group by user_days.account_id, user_days.date_day
)

select * from usage_days
