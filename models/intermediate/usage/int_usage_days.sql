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
        {% for role in ['login', 'core', 'value', 'error', 'api_call'] -%}
        sum(
            case when tracking_plan.role = '{{ role }}' then user_event_days.event_count else 0 end
        ) as {{ role }}_events{{ ',' if not loop.last }}
        {% endfor %}
    from user_event_days
    left join tracking_plan
        on user_event_days.event_type = tracking_plan.event_type
    group by user_event_days.account_id, user_event_days.date_day
)

select * from usage_days
