with

events as (
    select
        account_id,
        user_id,
        event_type,
        cast(occurred_at as date) as date_day
    from {{ ref('stg_product__events') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

user_days as (
    select
        events.account_id,
        events.user_id,
        events.date_day,
        cast(count(*) as integer) as events,
        cast(
            count(case when tracking_plan.role = 'login' then 1 end) as integer
        ) as login_events,
        cast(
            count(case when tracking_plan.role = 'core' then 1 end) as integer
        ) as core_events,
        cast(
            count(case when tracking_plan.role = 'value' then 1 end) as integer
        ) as value_events,
        cast(
            count(case when tracking_plan.is_metered then 1 end) as integer
        ) as metered_events,
        cast(
            count(case when tracking_plan.role = 'error' then 1 end) as integer
        ) as error_events,
        cast(
            count(case when tracking_plan.role = 'api_call' then 1 end) as integer
        ) as api_call_events
    from events
    inner join updates
        on events.account_id = updates.account_id
    left join tracking_plan
        on events.event_type = tracking_plan.event_type
    where events.date_day between updates.{{ first_day() }} and updates.ended_on
    group by events.account_id, events.user_id, events.date_day
)

select * from user_days
