-- An entity seen on day d is active in an N-day window on the days [d, min(next day seen, d + N)).
-- One +1 where such a stretch begins and one -1 where it ends, summed along the days, counts the
-- distinct entities without joining any day to a range.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day > {{ add_days(first_day(), -30) }}
),

updates as (
    select
        account_id,
        {{ add_days(first_day(), -29) }} as in_sight_from
    from {{ ref('int_account_updates') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
    where user_id is not null
),

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

seen as (
    select
        user_days.account_id,
        'user' as entity_type,
        user_days.user_id as entity,
        user_days.date_day
    from user_days
    inner join updates
        on
            user_days.account_id = updates.account_id
            and user_days.date_day >= updates.in_sight_from
    union all
    select distinct
        event_type_days.account_id,
        'feature' as entity_type,
        tracking_plan.feature as entity,
        event_type_days.date_day
    from event_type_days
    inner join tracking_plan
        on event_type_days.event_type = tracking_plan.event_type
    inner join updates
        on
            event_type_days.account_id = updates.account_id
            and event_type_days.date_day >= updates.in_sight_from
    where tracking_plan.feature is not null
    union all
    select distinct
        event_type_days.account_id,
        'module' as entity_type,
        tracking_plan.module as entity,
        event_type_days.date_day
    from event_type_days
    inner join tracking_plan
        on event_type_days.event_type = tracking_plan.event_type
    inner join updates
        on
            event_type_days.account_id = updates.account_id
            and event_type_days.date_day >= updates.in_sight_from
    where tracking_plan.module is not null
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

-- How many entities begin, and how many end, a stretch on a day.
stretch_days as (
    select
        account_id,
        date_day,
        sum(
            case
                when entity_type = 'user' and coalesce(days_since_previous >= 7, true) then 1
                else 0
            end
        ) as users_begin_7d,
        sum(
            case
                when entity_type = 'user' and coalesce(days_to_next >= 7, true) then 1
                else 0
            end
        ) as users_end_7d,
        sum(
            case
                when entity_type = 'user' and coalesce(days_since_previous >= 30, true) then 1
                else 0
            end
        ) as users_begin_30d,
        sum(
            case
                when entity_type = 'user' and coalesce(days_to_next >= 30, true) then 1
                else 0
            end
        ) as users_end_30d,
        sum(
            case
                when entity_type = 'feature' and coalesce(days_since_previous >= 30, true) then 1
                else 0
            end
        ) as features_begin_30d,
        sum(
            case
                when entity_type = 'feature' and coalesce(days_to_next >= 30, true) then 1
                else 0
            end
        ) as features_end_30d,
        sum(
            case
                when entity_type = 'module' and coalesce(days_since_previous >= 30, true) then 1
                else 0
            end
        ) as modules_begin_30d,
        sum(
            case
                when entity_type = 'module' and coalesce(days_to_next >= 30, true) then 1
                else 0
            end
        ) as modules_end_30d
    from neighbours
    group by account_id, date_day
),

changes as (
    select
        account_id,
        date_day,
        users_begin_7d as users_7d,
        users_begin_30d as users_30d,
        features_begin_30d as features_30d,
        modules_begin_30d as modules_30d
    from stretch_days
    union all
    select
        account_id,
        {{ add_days('date_day', 7) }} as date_day,
        -users_end_7d as users_7d,
        0 as users_30d,
        0 as features_30d,
        0 as modules_30d
    from stretch_days
    union all
    select
        account_id,
        {{ add_days('date_day', 30) }} as date_day,
        0 as users_7d,
        -users_end_30d as users_30d,
        -features_end_30d as features_30d,
        -modules_end_30d as modules_30d
    from stretch_days
),

daily_changes as (
    select
        account_id,
        date_day,
        cast(sum(users_7d) as integer) as users_7d,
        cast(sum(users_30d) as integer) as users_30d,
        cast(sum(features_30d) as integer) as features_30d,
        cast(sum(modules_30d) as integer) as modules_30d
    from changes
    group by account_id, date_day
),

running as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.{{ first_day() }} as first_day,
        sum(daily_changes.users_7d) over (
            partition by account_days.account_id order by account_days.date_day
        ) as users_7d,
        sum(daily_changes.users_30d) over (
            partition by account_days.account_id order by account_days.date_day
        ) as users_30d,
        sum(daily_changes.features_30d) over (
            partition by account_days.account_id order by account_days.date_day
        ) as features_30d,
        sum(daily_changes.modules_30d) over (
            partition by account_days.account_id order by account_days.date_day
        ) as modules_30d
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
),

rolling_actives as (
    select
        account_id,
        date_day,
        cast(coalesce(users_7d, 0) as integer) as users_7d,
        cast(coalesce(users_30d, 0) as integer) as users_30d,
        cast(coalesce(features_30d, 0) as integer) as features_30d,
        cast(coalesce(modules_30d, 0) as integer) as modules_30d
    from running
    where date_day >= first_day
)

select * from rolling_actives
