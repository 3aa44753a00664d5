-- Product usage by user and day. One row per account, user (null where the event has none) and day.
with

events as (
    select
        account_id,
        user_id,
        event_type,
        occurred_at,
        {{ day_of('occurred_at') }} as date_day
    from {{ ref('stg_product__events') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

usage_settings as (
    select * from {{ ref('usage_settings') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

-- Two days before the first computed one are read too, to see whether a session goes on. One day
-- may have only 23 hours.
planned_events as (
    select
        events.account_id,
        events.user_id,
        events.occurred_at,
        events.date_day,
        updates.{{ first_day() }} as first_day,
        tracking_plan.role,
        tracking_plan.call_result,
        tracking_plan.is_metered,
        coalesce(tracking_plan.is_active, true) as is_active
    from events
    inner join updates
        on events.account_id = updates.account_id
    left join tracking_plan
        on events.event_type = tracking_plan.event_type
    where
        events.date_day >= {{ add_days('updates.' ~ first_day(), -2) }}
        and events.date_day between updates.started_on and updates.ended_on
),

-- Sessions are islands: lag over a user's active events, and a session begins after a longer gap
-- than session_gap_minutes.
events_with_sessions as (
    select
        planned_events.*,
        planned_events.is_active
        and planned_events.user_id is not null
        and coalesce(
            {{ microseconds_between(
                'lag(planned_events.occurred_at) over (partition by planned_events.account_id, '
                ~ 'planned_events.user_id, planned_events.is_active '
                ~ 'order by planned_events.occurred_at)', 'planned_events.occurred_at'
            ) }} > 60000000 * cast(usage_settings.session_gap_minutes as bigint),
            true
        ) as begins_session
    from planned_events
    cross join usage_settings
),

user_days as (
    select
        account_id,
        user_id,
        date_day,
        cast(count(*) as integer) as events,
        cast(count(case when is_active then 1 end) as integer) as active_events,
        cast(count(case when begins_session then 1 end) as integer) as sessions,
        cast(count(case when role = 'login' then 1 end) as integer) as login_events,
        cast(count(case when role = 'core' then 1 end) as integer) as core_events,
        cast(count(case when role = 'value' then 1 end) as integer) as value_events,
        cast(count(case when role = 'api_call' then 1 end) as integer) as api_call_events,
        cast(count(case when is_metered then 1 end) as integer) as metered_events,
        cast(count(call_result) as integer) as calls,
        cast(count(case when call_result = 'failed' then 1 end) as integer) as failed_calls
    from events_with_sessions
    where date_day >= first_day
    group by account_id, user_id, date_day
)

select * from user_days
