-- Distinct users, features and modules in trailing windows, one row per account and day. Interval
-- sums of +1/-1, as distinct counts of days do not add up in a window over days.
-- Stretches are half-open: an entity seen on day d is active in an N-day window on the days from d
-- to before min(next day seen, d + N), with +1 on the first day and -1 on the day after the last.
{%- set stretches = [
    ('user', 7), ('user', 30), ('user', 60), ('first_user', 30), ('feature', 30), ('module', 30)
] %}
{%- set measures = [
    'users_7d', 'users_30d', 'users_60d', 'first_users_30d', 'features_30d', 'modules_30d',
    'deep_features_30d'
] %}

with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

updates as (
    select
        account_id,
        {{ first_day() }} as first_day,
        {{ add_days(first_day(), -29) }} as in_sight_from,
        {{ add_days(first_day(), -59) }} as users_in_sight_from
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

offers as (
    select * from {{ ref('int_product_offers') }}
    where feature is not null or module is not null
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
            and user_days.date_day >= updates.users_in_sight_from
    where user_days.user_id is not null and user_days.active_events > 0
),

first_user_days as (
    select
        user_days.account_id,
        user_days.user_id as entity,
        min(user_days.date_day) as first_seen_on,
        min(user_days.date_day) as last_seen_on
    from {{ ref('int_user_days') }} as user_days
    inner join updates
        on user_days.account_id = updates.account_id
    where user_days.user_id is not null and user_days.active_events > 0
    group by user_days.account_id, user_days.user_id, updates.in_sight_from
    having min(user_days.date_day) >= updates.in_sight_from
),

event_type_days as (
    select
        event_type_days.account_id,
        accounts.product_category,
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
    inner join accounts
        on event_type_days.account_id = accounts.account_id
),

-- Days of one block of 30 are less than 30 days apart, so a stretch can only end between blocks.
event_type_blocks as (
    select
        account_id,
        product_category,
        event_type,
        block,
        min(date_day) as first_seen_on,
        max(date_day) as last_seen_on
    from event_type_days
    group by account_id, product_category, event_type, block
),

{% for entity in ['feature', 'module'] -%}
{{ entity }}_days as (
    select
        event_type_blocks.account_id,
        offers.{{ entity }} as entity,
        min(event_type_blocks.first_seen_on) as first_seen_on,
        max(event_type_blocks.last_seen_on) as last_seen_on
    from event_type_blocks
    inner join offers
        on
            event_type_blocks.product_category = offers.product_category
            and event_type_blocks.event_type = offers.event_type
    where offers.{{ entity }} is not null
    group by event_type_blocks.account_id, offers.{{ entity }}, event_type_blocks.block
),

{% endfor -%}

days_of_features as (
    select distinct
        event_type_days.account_id,
        offers.feature,
        offers.deep_use_days,
        event_type_days.date_day
    from event_type_days
    inner join offers
        on
            event_type_days.product_category = offers.product_category
            and event_type_days.event_type = offers.event_type
    where offers.deep_use_days is not null
),

numbered_days_of_features as (
    select
        days_of_features.*,
        row_number() over (partition by account_id, feature order by date_day) as day_number,
        lead(date_day) over (partition by account_id, feature order by date_day) as next_day
    from days_of_features
),

-- A feature is used in depth if its n-th last day of use (n = deep_use_days) lies in the window.
-- That holds until this day leaves the window or until the next day of use, when it is tested
-- again.
deep_stretches as (
    select
        last_days.account_id,
        last_days.date_day as deep_from,
        {{ add_days('first_days.date_day', 30) }} as leaves_on,
        last_days.next_day
    from numbered_days_of_features as last_days
    inner join numbered_days_of_features as first_days
        on
            last_days.account_id = first_days.account_id
            and last_days.feature = first_days.feature
            and last_days.day_number - last_days.deep_use_days + 1 = first_days.day_number
    where {{ add_days('first_days.date_day', 30) }} > last_days.date_day
),

{% set same_entity = '(partition by account_id, entity order by first_seen_on)' -%}
{% for entity in ['user', 'first_user', 'feature', 'module'] -%}
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
    union all
    {% endfor -%}
    select
        account_id,
        deep_from as date_day,
        'deep_features_30d' as measure,
        1 as change
    from deep_stretches
    union all
    select
        account_id,
        least(leaves_on, coalesce(next_day, leaves_on)) as date_day,
        'deep_features_30d' as measure,
        -1 as change
    from deep_stretches
),

-- Changes dated before the first computed day are booked on that day.
daily_changes as (
    select
        changes.account_id,
        {% for measure in measures -%}
        cast(
            sum(case when changes.measure = '{{ measure }}' then changes.change else 0 end)
            as integer
        ) as {{ measure }},
        {% endfor -%}
        greatest(changes.date_day, updates.first_day) as date_day
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by changes.account_id, greatest(changes.date_day, updates.first_day)
),

totals as (
    select
        account_days.account_id,
        {% for measure in measures -%}
        sum(daily_changes.{{ measure }}) over (
            partition by account_days.account_id order by account_days.date_day
        ) as {{ measure }},
        {% endfor -%}
        account_days.date_day
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
),

rolling_actives as (
    select
        account_id,
        {% for measure in measures -%}
        cast(coalesce({{ measure }}, 0) as integer) as {{ measure }},
        {% endfor -%}
        date_day
    from totals
)

select * from rolling_actives
