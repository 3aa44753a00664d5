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
        cast(count(user_days.user_id) as integer) as active_users,
        cast(sum(user_days.login_events) as integer) as login_events,
        cast(sum(user_days.core_events) as integer) as core_events,
        cast(sum(user_days.value_events) as integer) as value_events,
        cast(sum(user_days.metered_events) as integer) as metered_events,
        cast(sum(user_days.error_events) as integer) as error_events,
        cast(sum(user_days.api_call_events) as integer) as api_call_events
    from user_days
    inner join updates
        on user_days.account_id = updates.account_id
    where user_days.date_day >= updates.{{ first_day() }}
    group by user_days.account_id, user_days.date_day
)

select * from usage_days
