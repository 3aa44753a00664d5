-- An entity seen on day d is active in an N-day window on the days [d, min(next day seen, d + N)).
-- One +1 where such a stretch begins and one -1 where it ends, summed along the days, counts the
-- distinct entities without joining any day to a range.
{%- set stretches = [('user', 7), ('user', 30), ('feature', 30), ('module', 30)] %}

with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

updates as (
    select
        account_id,
        {{ first_day() }} as first_day,
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
        user_days.date_day as first_seen_on,
        user_days.date_day as last_seen_on
    from {{ ref('int_user_days') }} as user_days
    inner join updates
        on
            user_days.account_id = updates.account_id
            and user_days.date_day >= updates.in_sight_from
    where user_days.user_id is not null
),

event_type_days as (
    select
        event_type_days.account_id,
        event_type_days.event_type,
        event_type_days.date_day,
        floor(
            {{ days_between("cast('0001-01-01' as date)", 'event_type_days.date_day') }} / 30
        ) as block
    from {{ ref('int_event_type_days') }} as event_type_days
    inner join updates
        on
            event_type_days.account_id = updates.account_id
            and event_type_days.date_day >= updates.in_sight_from
),

-- Days of one block of 30 are less than 30 days apart: a stretch ends only between blocks.
event_type_blocks as (
    select
        account_id,
        event_type,
        block,
        min(date_day) as first_seen_on,
        max(date_day) as last_seen_on
    from event_type_days
    group by account_id, event_type, block
),

{% for entity in ['feature', 'module'] -%}
{{ entity }}_days as (
    select
        event_type_blocks.account_id,
        tracking_plan.{{ entity }} as entity,
        min(event_type_blocks.first_seen_on) as first_seen_on,
        max(event_type_blocks.last_seen_on) as last_seen_on
    from event_type_blocks
    inner join tracking_plan
        on event_type_blocks.event_type = tracking_plan.event_type
    where tracking_plan.{{ entity }} is not null
    group by event_type_blocks.account_id, tracking_plan.{{ entity }}, event_type_blocks.block
),

{% endfor -%}

{% set same_entity = '(partition by account_id, entity order by first_seen_on)' -%}
{% for entity in ['user', 'feature', 'module'] -%}
{{ entity }}_gaps as (
    select
        account_id,
        first_seen_on,
        last_seen_on,
        {{ days_between('lag(last_seen_on) over ' ~ same_entity, 'first_seen_on') }} as days_before,
        {{ days_between('last_seen_on', 'lead(first_seen_on) over ' ~ same_entity) }} as days_after
    from {{ entity }}_days
),

{% endfor -%}

changes as (
    {% for entity, days in stretches -%}
    select
        account_id,
        first_seen_on as date_day,
        '{{ entity }}s_{{ days }}d' as measure,
        1 as change
    from {{ entity }}_gaps
    where coalesce(days_before >= {{ days }}, true)
    union all
    select
        account_id,
        {{ add_days('last_seen_on', days) }} as date_day,
        '{{ entity }}s_{{ days }}d' as measure,
        -1 as change
    from {{ entity }}_gaps
    where coalesce(days_after >= {{ days }}, true)
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

-- What came before the first day counts on it.
daily_changes as (
    select
        changes.account_id,
        greatest(changes.date_day, updates.first_day) as date_day,
        cast(
            sum(
                case when changes.measure = 'users_7d' then changes.change else 0 end
            ) as integer
        ) as users_7d,
        cast(
            sum(
                case when changes.measure = 'users_30d' then changes.change else 0 end
            ) as integer
        ) as users_30d,
        cast(
            sum(
                case when changes.measure = 'features_30d' then changes.change else 0 end
            ) as integer
        ) as features_30d,
        cast(
            sum(
                case when changes.measure = 'modules_30d' then changes.change else 0 end
            ) as integer
        ) as modules_30d
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by changes.account_id, greatest(changes.date_day, updates.first_day)
),

running as (
    select
        account_days.account_id,
        account_days.date_day,
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
)

select * from rolling_actives
