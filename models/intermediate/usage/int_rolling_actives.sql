{%- set windows = [('user', 7), ('user', 30), ('feature', 30), ('module', 30)] -%}

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

{% for entity in ['user', 'feature', 'module'] -%}
{{ entity }}_gaps as (
    select
        account_id,
        date_day,
        {{ days_between('lag(date_day) over same_' ~ entity, 'date_day') }} as days_before,
        {{ days_between('date_day', 'lead(date_day) over same_' ~ entity) }} as days_after
    from {{ entity }}_days
    window same_{{ entity }} as (partition by account_id, entity order by date_day)
),

-- How many of them begin, and how many end, a stretch on a day.
{{ entity }}_stretches as (
    select
        account_id,
        date_day,
        {%- for counted, days in windows if counted == entity %}
        sum(case when coalesce(days_before >= {{ days }}, true) then 1 else 0 end)
            as begin_{{ days }}d,
        sum(case when coalesce(days_after >= {{ days }}, true) then 1 else 0 end)
            as end_{{ days }}d{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ entity }}_gaps
    group by account_id, date_day
),

{% endfor -%}

changes as (
    {% for entity, days in windows -%}
    {% for day, change in [
        ('date_day', 'begin_' ~ days ~ 'd'), (add_days('date_day', days), '-end_' ~ days ~ 'd')
    ] -%}
    select
        account_id,
        {{ day }} as date_day,
        {%- for other, other_days in windows %}
        {{ change if (other, other_days) == (entity, days) else 0 }}
            as {{ other }}s_{{ other_days }}d{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ entity }}_stretches
    where {{ change }} <> 0
    {{ 'union all' if not loop.last }}
    {% endfor %}
    {{- 'union all' if not loop.last }}
    {% endfor %}
),

daily_changes as (
    select
        account_id,
        date_day
        {%- for entity, days in windows %},
        cast(sum({{ entity }}s_{{ days }}d) as integer) as {{ entity }}s_{{ days }}d
        {%- endfor %}
    from changes
    group by account_id, date_day
),

running as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.{{ first_day() }} as first_day
        {%- for entity, days in windows %},
        sum(daily_changes.{{ entity }}s_{{ days }}d) over (
            partition by account_days.account_id order by account_days.date_day
        ) as {{ entity }}s_{{ days }}d
        {%- endfor %}
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
),

rolling_actives as (
    select
        account_id,
        date_day
        {%- for entity, days in windows %},
        cast(coalesce({{ entity }}s_{{ days }}d, 0) as integer) as {{ entity }}s_{{ days }}d
        {%- endfor %}
    from running
    where date_day >= first_day
)

select * from rolling_actives
