with

user_event_days as (
    select * from {{ ref('int_user_event_days') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

usage_days as (
    select
        user_event_days.account_id,
        user_event_days.date_day,
        sum(user_event_days.event_count) as events,
        count(distinct user_event_days.user_id) as active_users,
        sum(
            case when tracking_plan.role = 'login' then user_event_days.event_count else 0 end
        ) as login_events,
        sum(
            case when tracking_plan.role = 'core' then user_event_days.event_count else 0 end
        ) as core_events,
        sum(
            case when tracking_plan.role = 'value' then user_event_days.event_count else 0 end
        ) as value_events,
        sum(
            case when tracking_plan.role = 'error' then user_event_days.event_count else 0 end
        ) as error_events,
        sum(
            case when tracking_plan.role = 'api_call' then user_event_days.event_count else 0 end
        ) as api_call_events
    from user_event_days
    left join tracking_plan
        on user_event_days.event_type = tracking_plan.event_type
    group by user_event_days.account_id, user_event_days.date_day
)

select * from usage_days
