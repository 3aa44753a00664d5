-- An entity seen on day d is active in an N-day window on the days [d, min(next day seen, d + N)).
-- One +1 where such a stretch begins and one -1 where it ends, summed along the days, counts the
-- distinct entities without joining any day to a range.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day > {{ add_days(first_day(), -30) }} and {{ first_day() }} <= ended_on
),

updates as (
    select
        account_id,
        {{ add_days(first_day(), -29) }} as in_sight_from
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

user_days as (
    select
        user_days.account_id,
        user_days.user_id as entity,
        user_days.date_day
    from {{ ref('int_user_days') }} as user_days
    inner join updates
        on
            user_days.account_id = updates.account_id
            and user_days.date_day >= updates.in_sight_from
    where user_days.user_id is not null
),

planned_days as (
    select
        event_type_days.account_id,
        tracking_plan.feature,
        tracking_plan.module,
        event_type_days.date_day
    from {{ ref('int_event_type_days') }} as event_type_days
    inner join tracking_plan
        on event_type_days.event_type = tracking_plan.event_type
    inner join updates
        on
            event_type_days.account_id = updates.account_id
            and event_type_days.date_day >= updates.in_sight_from
),

{% for entity in ['feature', 'module'] -%}
{{ entity }}_days as (
    select distinct
        account_id,
        {{ entity }} as entity,
        date_day
    from planned_days
    where {{ entity }} is not null
),

{% endfor -%}

{% set same_entity = '(partition by account_id, entity order by date_day)' -%}
{% for entity in ['user', 'feature', 'module'] -%}
{{ entity }}_gaps as (
    select
        account_id,
        date_day,
        {{ days_between('lag(date_day) over ' ~ same_entity, 'date_day') }} as days_before,
        {{ days_between('date_day', 'lead(date_day) over ' ~ same_entity) }} as days_after
    from {{ entity }}_days
),

-- How many of them begin, and how many end, a stretch on a day.
{{ entity }}_stretches as (
    select
        account_id,
        date_day,
        sum(case when coalesce(days_before >= 7, true) then 1 else 0 end) as begin_7d,
        sum(case when coalesce(days_after >= 7, true) then 1 else 0 end) as end_7d,
        sum(case when coalesce(days_before >= 30, true) then 1 else 0 end) as begin_30d,
        sum(case when coalesce(days_after >= 30, true) then 1 else 0 end) as end_30d
    from {{ entity }}_gaps
    group by account_id, date_day
),

{% endfor -%}

-- Who begins a stretch of 30 days begins one of 7.
changes as (
    select
        account_id,
        date_day,
        begin_7d as users_7d,
        begin_30d as users_30d,
        0 as features_30d,
        0 as modules_30d
    from user_stretches
    where begin_7d > 0
    union all
    select
        account_id,
        {{ add_days('date_day', 7) }} as date_day,
        -end_7d as users_7d,
        0 as users_30d,
        0 as features_30d,
        0 as modules_30d
    from user_stretches
    where end_7d > 0
    union all
    select
        account_id,
        {{ add_days('date_day', 30) }} as date_day,
        0 as users_7d,
        -end_30d as users_30d,
        0 as features_30d,
        0 as modules_30d
    from user_stretches
    where end_30d > 0
    union all
    select
        account_id,
        date_day,
        0 as users_7d,
        0 as users_30d,
        begin_30d as features_30d,
        0 as modules_30d
    from feature_stretches
    where begin_30d > 0
    union all
    select
        account_id,
        {{ add_days('date_day', 30) }} as date_day,
        0 as users_7d,
        0 as users_30d,
        -end_30d as features_30d,
        0 as modules_30d
    from feature_stretches
    where end_30d > 0
    union all
    select
        account_id,
        date_day,
        0 as users_7d,
        0 as users_30d,
        0 as features_30d,
        begin_30d as modules_30d
    from module_stretches
    where begin_30d > 0
    union all
    select
        account_id,
        {{ add_days('date_day', 30) }} as date_day,
        0 as users_7d,
        0 as users_30d,
        0 as features_30d,
        -end_30d as modules_30d
    from module_stretches
    where end_30d > 0
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
