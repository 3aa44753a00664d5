-- An entity seen on day d is active in an N-day window on the days [d, min(next day seen, d + N)).
-- One +1 where such a stretch begins and one -1 where it ends, summed along the days, counts the
-- distinct entities without joining any day to a range.
with

user_event_days as (
    select * from {{ ref('int_user_event_days') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

seen as (
    select distinct
        account_id,
        'user' as entity_type,
        user_id as entity,
        date_day
    from user_event_days
    where user_id is not null
    union all
    select distinct
        user_event_days.account_id,
        'feature' as entity_type,
        tracking_plan.feature as entity,
        user_event_days.date_day
    from user_event_days
    inner join tracking_plan
        on user_event_days.event_type = tracking_plan.event_type
    where tracking_plan.feature is not null
    union all
    select distinct
        user_event_days.account_id,
        'module' as entity_type,
        tracking_plan.module as entity,
        user_event_days.date_day
    from user_event_days
    inner join tracking_plan
        on user_event_days.event_type = tracking_plan.event_type
    where tracking_plan.module is not null
),

windows as (
    select 'user' as entity_type, 7 as window_days
    union all
    select 'user' as entity_type, 30 as window_days
    union all
    select 'feature' as entity_type, 30 as window_days
    union all
    select 'module' as entity_type, 30 as window_days
),

ordered as (
    select
        account_id,
        entity_type,
        entity,
        date_day,
        lag(date_day) over (
            partition by account_id, entity_type, entity order by date_day
        ) as previous_day,
        lead(date_day) over (
            partition by account_id, entity_type, entity order by date_day
        ) as next_day
    from seen
),

neighbours as (
    select
        ordered.*,
        {{ days_between('previous_day', 'date_day') }} as days_since_previous,
        {{ days_between('date_day', 'next_day') }} as days_to_next
    from ordered
),

changes as (
    select
        neighbours.account_id,
        neighbours.entity_type,
        windows.window_days,
        neighbours.date_day,
        1 as change
    from neighbours
    inner join windows
        on neighbours.entity_type = windows.entity_type
    where
        neighbours.days_since_previous is null
        or neighbours.days_since_previous >= windows.window_days
    union all
    select
        neighbours.account_id,
        neighbours.entity_type,
        windows.window_days,
        {{ add_days('neighbours.date_day', 'windows.window_days') }} as date_day,
        -1 as change
    from neighbours
    inner join windows
        on neighbours.entity_type = windows.entity_type
    where
        neighbours.days_to_next is null
        or neighbours.days_to_next >= windows.window_days
),

daily_changes as (
    select
        account_id,
        date_day,
        sum(case when entity_type = 'user' and window_days = 7 then change else 0 end) as users_7d,
        sum(case when entity_type = 'user' and window_days = 30 then change else 0 end)
            as users_30d,
        sum(case when entity_type = 'feature' then change else 0 end) as features_30d,
        sum(case when entity_type = 'module' then change else 0 end) as modules_30d
    from changes
    group by account_id, date_day
)

select * from daily_changes
