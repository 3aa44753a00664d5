-- Usage signals, one row per account and day: counts of events in windows over the spine of
-- days, distinct counts from int_rolling_actives. Null on days that the product stream does not
-- cover. Counts can only grow while a day goes on, so they are shown at once. Rates and comparisons
-- wait until the day is complete and keep their last complete value.
{%- set counts = [
    'events_7d', 'events_30d', 'logins_7d', 'logins_30d', 'sessions_7d', 'sessions_30d',
    'active_users_1d', 'active_users_7d', 'active_users_30d', 'active_days_7d', 'active_days_30d',
    'core_events_7d', 'value_events_30d', 'metered_events_30d', 'features_used_30d',
    'modules_used_30d'
] %}
{%- set measures = [
    'dau_mau_30d', 'wau_mau_30d', 'new_users_30d', 'retained_users_30d', 'returning_users_30d',
    'dormant_users_30d', 'sessions_per_active_user_7d', 'session_change_7d',
    'sessions_baseline_share_7d', 'usage_growth_28d', 'module_coverage_30d', 'depth_score_30d',
    'error_rate_7d', 'api_calls_per_day_7d', 'session_depth_30d', 'guided_task_share',
    'configuration_maturity'
] %}

with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day > {{ add_days(first_day(), -60) }} and {{ first_day() }} <= ended_on
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

usage_days as (
    select * from {{ ref('int_usage_days') }}
),

rolling_actives as (
    select * from {{ ref('int_rolling_actives') }}
),

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

product_offers as (
    select * from {{ ref('int_product_offers') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

offers as (
    select
        product_category,
        count(distinct feature) as features,
        count(distinct case when deep_use_days is not null then feature end) as deep_features,
        count(distinct module) as modules,
        sum(case when role = 'guided_task' then 1 else 0 end) as guided_tasks,
        sum(case when role = 'configuration' then 1 else 0 end) as configurations
    from product_offers
    group by product_category
),

-- First use of each guided task and configuration.
first_times as (
    select
        event_type_days.account_id,
        event_type_days.event_type,
        product_offers.role,
        greatest(
            min(event_type_days.date_day), {{ add_days('min(updates.' ~ first_day() ~ ')', -59) }}
        ) as date_day
    from event_type_days
    inner join accounts
        on event_type_days.account_id = accounts.account_id
    inner join product_offers
        on
            accounts.product_category = product_offers.product_category
            and event_type_days.event_type = product_offers.event_type
    inner join updates
        on event_type_days.account_id = updates.account_id
    where product_offers.role in ('guided_task', 'configuration')
    group by event_type_days.account_id, event_type_days.event_type, product_offers.role
),

daily_first_times as (
    select
        account_id,
        date_day,
        cast(sum(case when role = 'guided_task' then 1 else 0 end) as integer) as guided_tasks,
        cast(sum(case when role = 'configuration' then 1 else 0 end) as integer) as configurations
    from first_times
    group by account_id, date_day
),

daily_usage as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.started_on,
        account_days.{{ first_day() }} as first_day,
        {{ days_between('account_days.started_on', 'account_days.date_day') }} + 1 as day_number,
        case when holidays.holiday_on is null then 0 else 1 end as is_holiday,
        coalesce(usage_days.events, 0) as events,
        coalesce(usage_days.active_events, 0) as active_events,
        coalesce(usage_days.user_events, 0) as user_events,
        coalesce(usage_days.active_users, 0) as active_users,
        coalesce(usage_days.sessions, 0) as sessions,
        coalesce(usage_days.login_events, 0) as logins,
        coalesce(usage_days.core_events, 0) as core_events,
        coalesce(usage_days.value_events, 0) as value_events,
        coalesce(usage_days.api_call_events, 0) as api_calls,
        coalesce(usage_days.metered_events, 0) as metered_events,
        coalesce(usage_days.calls, 0) as calls,
        coalesce(usage_days.failed_calls, 0) as failed_calls,
        rolling_actives.users_7d,
        rolling_actives.users_30d,
        rolling_actives.users_60d,
        rolling_actives.first_users_30d,
        rolling_actives.features_30d,
        rolling_actives.deep_features_30d,
        rolling_actives.modules_30d,
        coalesce(daily_first_times.guided_tasks, 0) as new_guided_tasks,
        coalesce(daily_first_times.configurations, 0) as new_configurations
    from account_days
    inner join accounts
        on account_days.account_id = accounts.account_id
    left join usage_days
        on
            account_days.account_id = usage_days.account_id
            and account_days.date_day = usage_days.date_day
    inner join rolling_actives
        on
            account_days.account_id = rolling_actives.account_id
            and account_days.date_day = rolling_actives.date_day
    left join daily_first_times
        on
            account_days.account_id = daily_first_times.account_id
            and account_days.date_day = daily_first_times.date_day
    left join holidays
        on
            accounts.country = holidays.country
            and account_days.date_day = holidays.holiday_on
),

-- lag over the spine, which has every day: 7 rows back is the same weekday of the week before.
{% set weekdays_before = [7, 14, 21, 28] -%}
usage_with_weekdays_before as (
    select
        daily_usage.*,
        {% for days in weekdays_before -%}
        1 - greatest(is_holiday, lag(is_holiday, {{ days }}, 0) {{ over_so_far() }})
            as is_like_{{ days }},
        lag(sessions, {{ days }}, 0) {{ over_so_far() }} as sessions_before_{{ days }},
        {% endfor -%}
        lag(active_events, 28, 0) {{ over_so_far() }} as active_events_before_28,
        lag(users_30d, 30, 0) {{ over_so_far() }} as users_of_month_before
    from daily_usage
),

-- A day is compared with the same weekdays before it, where neither is a holiday of the account's
-- country. The usual day is a mean of one to three days, kept as six times that to stay a whole
-- number.
daily_comparisons as (
    select
        *,
        is_like_7 * sessions as sessions_now,
        is_like_7 * sessions_before_7 as sessions_then,
        greatest(is_like_7, is_like_14, is_like_21) * sessions as sessions_beside_usual,
        case is_like_7 + is_like_14 + is_like_21 when 1 then 6 when 2 then 3 else 2 end
        * (
            is_like_7 * sessions_before_7
            + is_like_14 * sessions_before_14
            + is_like_21 * sessions_before_21
        ) as usual_sessions_times_6,
        is_like_28 * active_events as active_events_now,
        is_like_28 * active_events_before_28 as active_events_then
    from usage_with_weekdays_before
),

totals as (
    select
        account_id,
        date_day,
        day_number,
        started_on,
        first_day,
        active_events,
        active_users,
        users_7d,
        users_30d,
        users_60d,
        first_users_30d,
        users_of_month_before,
        features_30d,
        deep_features_30d,
        modules_30d,
        sum(events) {{ over_last(7) }} as events_7d,
        sum(events) {{ over_last(30) }} as events_30d,
        sum(active_events) {{ over_last(7) }} as active_events_7d,
        sum(active_events) {{ over_last(30) }} as active_events_30d,
        sum(user_events) {{ over_last(30) }} as user_events_30d,
        sum(logins) {{ over_last(7) }} as logins_7d,
        sum(logins) {{ over_last(30) }} as logins_30d,
        sum(sessions) {{ over_last(7) }} as sessions_7d,
        sum(sessions) {{ over_last(30) }} as sessions_30d,
        sum(sessions_now) {{ over_last(7) }} as sessions_now_7d,
        sum(sessions_then) {{ over_last(7) }} as sessions_then_7d,
        sum(sessions_beside_usual) {{ over_last(7) }} as sessions_beside_usual_7d,
        sum(usual_sessions_times_6) {{ over_last(7) }} as usual_sessions_times_6_7d,
        sum(active_events_now) {{ over_last(28) }} as active_events_now_28d,
        sum(active_events_then) {{ over_last(28) }} as active_events_then_28d,
        sum(core_events) {{ over_last(7) }} as core_events_7d,
        sum(value_events) {{ over_last(30) }} as value_events_30d,
        sum(metered_events) {{ over_last(30) }} as metered_events_30d,
        sum(calls) {{ over_last(7) }} as calls_7d,
        sum(failed_calls) {{ over_last(7) }} as failed_calls_7d,
        sum(api_calls) {{ over_last(7) }} as api_calls_7d,
        sum(active_users) {{ over_last(30) }} as user_days_30d,
        sum(case when active_events > 0 then 1 else 0 end) {{ over_last(7) }} as active_days_7d,
        sum(case when active_events > 0 then 1 else 0 end) {{ over_last(30) }} as active_days_30d,
        sum(new_guided_tasks) {{ over_so_far() }} as guided_tasks,
        sum(new_configurations) {{ over_so_far() }} as configurations
    from daily_comparisons
),

-- Retained, returning and dormant users by set arithmetic on distinct counts: A and B = A + B - (A
-- or B), where users_60d counts the union. User counts are null where active events name no user.
signals as (
    select
        totals.account_id,
        totals.date_day,
        totals.started_on,
        cast(totals.events_7d as bigint) as events_7d,
        cast(totals.events_30d as bigint) as events_30d,
        cast(totals.logins_7d as bigint) as logins_7d,
        cast(totals.logins_30d as bigint) as logins_30d,
        cast(totals.sessions_7d as bigint) as sessions_7d,
        cast(totals.sessions_30d as bigint) as sessions_30d,
        case
            when totals.active_users > 0 or totals.active_events = 0
                then cast(totals.active_users as bigint)
        end as active_users_1d,
        case
            when totals.users_7d > 0 or totals.active_events_7d = 0
                then cast(totals.users_7d as bigint)
        end as active_users_7d,
        case
            when totals.users_30d > 0 or totals.active_events_30d = 0
                then cast(totals.users_30d as bigint)
        end as active_users_30d,
        case
            when totals.users_30d > 0
                then
                    {{ ratio(
                        'totals.user_days_30d',
                        '(least(totals.day_number, 30) * totals.users_30d)'
                    ) }}
            when totals.active_events_30d = 0 then 0
        end as dau_mau_30d,
        case
            when totals.users_30d > 0 then {{ ratio('totals.users_7d', 'totals.users_30d') }}
            when totals.active_events_30d = 0 then 0
        end as wau_mau_30d,
        cast(totals.first_users_30d as bigint) as new_users_30d,
        cast(
            totals.users_30d + totals.users_of_month_before - totals.users_60d as bigint
        ) as retained_users_30d,
        cast(
            totals.users_60d - totals.users_of_month_before - totals.first_users_30d as bigint
        ) as returning_users_30d,
        cast(totals.users_60d - totals.users_30d as bigint) as dormant_users_30d,
        cast(totals.active_days_7d as bigint) as active_days_7d,
        cast(totals.active_days_30d as bigint) as active_days_30d,
        {{ ratio('totals.sessions_7d', 'totals.users_7d') }} as sessions_per_active_user_7d,
        case
            when totals.day_number >= 14
                then
                    cast({{ ratio(
                        'totals.sessions_now_7d', 'totals.sessions_then_7d'
                    ) }} - 1 as decimal(18, 6))
        end as session_change_7d,
        case
            when totals.day_number >= 28
                then
                    {{ ratio(
                        '6 * totals.sessions_beside_usual_7d', 'totals.usual_sessions_times_6_7d'
                    ) }}
        end as sessions_baseline_share_7d,
        case
            when totals.day_number >= 56
                then
                    cast({{ ratio(
                        'totals.active_events_now_28d', 'totals.active_events_then_28d'
                    ) }} - 1 as decimal(18, 6))
        end as usage_growth_28d,
        cast(totals.core_events_7d as bigint) as core_events_7d,
        cast(totals.value_events_30d as bigint) as value_events_30d,
        cast(totals.metered_events_30d as bigint) as metered_events_30d,
        cast(totals.features_30d as bigint) as features_used_30d,
        cast(totals.modules_30d as bigint) as modules_used_30d,
        {{ ratio('totals.modules_30d', 'offers.modules') }} as module_coverage_30d,
        {{ ratio('10 * totals.deep_features_30d', 'offers.deep_features') }} as depth_score_30d,
        {{ ratio('totals.failed_calls_7d', 'totals.calls_7d') }} as error_rate_7d,
        {{ ratio('totals.api_calls_7d', '7') }} as api_calls_per_day_7d,
        {{ ratio('totals.user_events_30d', 'totals.sessions_30d') }} as session_depth_30d,
        {{ ratio('totals.guided_tasks', 'offers.guided_tasks') }} as guided_task_share,
        {{ ratio('totals.configurations', 'offers.configurations') }} as configuration_maturity
    from totals
    inner join accounts
        on totals.account_id = accounts.account_id
    left join offers
        on accounts.product_category = offers.product_category
    where totals.date_day >= totals.first_day
),

-- One row per day, one column per signal: it is observed for accounts that started on this date or
-- later.
coverage_days as (
    select
        {% for signal in counts + measures -%}
        max(case when signal = '{{ signal }}' then accounts_from end) as {{ signal }},
        {% endfor -%}
        date_day
    from signal_coverage
    group by date_day
),

kept_signals as (
    select
        signals.account_id,
        {% for signal in counts + measures -%}
        case when coverage_days.{{ signal }} <= signals.started_on then signals.{{ signal }} end
            as {{ signal }},
        {% endfor -%}
        signals.date_day
    from signals
    inner join watermarks
        on signals.date_day = watermarks.complete_through
    inner join coverage_days
        on signals.date_day = coverage_days.date_day
),

observed_signals as (
    select
        signals.account_id,
        {% for signal in counts -%}
        case
            when coalesce(coverage_days.{{ signal }} > signals.started_on, true) then null
            when signals.{{ signal }} is null or kept_signals.{{ signal }} > signals.{{ signal }}
                then kept_signals.{{ signal }}
            else signals.{{ signal }}
        end as {{ signal }},
        {% endfor -%}
        {% for signal in measures -%}
        case
            when coalesce(coverage_days.{{ signal }} > signals.started_on, true) then null
            when signals.date_day > watermarks.complete_through then kept_signals.{{ signal }}
            else signals.{{ signal }}
        end as {{ signal }},
        {% endfor -%}
        signals.date_day
    from signals
    cross join watermarks
    inner join coverage_days
        on signals.date_day = coverage_days.date_day
    left join kept_signals
        on
            signals.account_id = kept_signals.account_id
            and signals.date_day > kept_signals.date_day
)

select * from observed_signals
