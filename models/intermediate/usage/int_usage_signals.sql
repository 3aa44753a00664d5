-- Counts only grow while a day goes on; other signals wait until it is over and heard of.
{%- set counts = [
    'events_7d', 'events_30d', 'logins_7d', 'logins_30d',
    'active_users_1d', 'active_users_7d', 'active_users_30d', 'active_days_7d', 'active_days_30d',
    'core_events_7d', 'value_events_30d', 'metered_events_30d',
    'features_used_30d', 'modules_used_30d'
] %}
{%- set measures = [
    'dau_mau_30d', 'logins_per_active_user_7d', 'login_change_7d', 'logins_baseline_share_7d',
    'usage_growth_30d', 'module_coverage_30d', 'depth_score_30d', 'error_rate_7d',
    'api_calls_per_day_7d', 'session_depth_30d', 'guided_task_share', 'configuration_maturity'
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

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
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
        accounts.account_id,
        count(distinct tracking_plan.feature) as features,
        count(distinct tracking_plan.module) as modules,
        sum(case when tracking_plan.role = 'guided_task' then 1 else 0 end) as guided_tasks,
        sum(case when tracking_plan.role = 'configuration' then 1 else 0 end) as configurations
    from accounts
    left join tracking_plan
        on tracking_plan.product_category in ('any', accounts.product_category)
    group by accounts.account_id
),

first_times as (
    select
        event_type_days.account_id,
        event_type_days.event_type,
        tracking_plan.role,
        greatest(
            min(event_type_days.date_day), {{ add_days('min(updates.' ~ first_day() ~ ')', -59) }}
        ) as date_day
    from event_type_days
    inner join tracking_plan
        on event_type_days.event_type = tracking_plan.event_type
    inner join updates
        on event_type_days.account_id = updates.account_id
    where tracking_plan.role in ('guided_task', 'configuration')
    group by event_type_days.account_id, event_type_days.event_type, tracking_plan.role
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

daily as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.started_on,
        account_days.{{ first_day() }} as first_day,
        {{ days_between('account_days.started_on', 'account_days.date_day') }} + 1 as day_number,
        coalesce(usage_days.events, 0) as events,
        coalesce(usage_days.active_users, 0) as active_users,
        coalesce(usage_days.login_events, 0) as logins,
        coalesce(usage_days.core_events, 0) as core_events,
        coalesce(usage_days.value_events, 0) as value_events,
        coalesce(usage_days.metered_events, 0) as metered_events,
        coalesce(usage_days.error_events, 0) as error_events,
        coalesce(usage_days.api_call_events, 0) as api_calls,
        rolling_actives.users_7d,
        rolling_actives.users_30d,
        rolling_actives.features_30d,
        rolling_actives.modules_30d,
        coalesce(daily_first_times.guided_tasks, 0) as new_guided_tasks,
        coalesce(daily_first_times.configurations, 0) as new_configurations,
        coalesce({{ ratio('usage_days.active_users', 'rolling_actives.users_30d') }}, 0) as dau_mau
    from account_days
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
),

running as (
    select
        account_id,
        date_day,
        events,
        active_users,
        sum(events) {{ over_last(7) }} as events_7d,
        sum(events) {{ over_last(30) }} as events_30d,
        sum(events) {{ over_last(60) }} as events_60d,
        sum(logins) {{ over_last(7) }} as logins_7d,
        sum(logins) {{ over_last(14) }} as logins_14d,
        sum(logins) {{ over_last(30) }} as logins_30d,
        sum(core_events) {{ over_last(7) }} as core_events_7d,
        sum(value_events) {{ over_last(30) }} as value_events_30d,
        sum(metered_events) {{ over_last(30) }} as metered_events_30d,
        sum(error_events) {{ over_last(7) }} as error_events_7d,
        sum(api_calls) {{ over_last(7) }} as api_calls_7d,
        sum(active_users) {{ over_last(30) }} as user_days_30d,
        sum(dau_mau) {{ over_last(30) }} as dau_mau_sum_30d,
        sum(case when events > 0 then 1 else 0 end) {{ over_last(7) }} as active_days_7d,
        sum(case when events > 0 then 1 else 0 end) {{ over_last(30) }} as active_days_30d,
        users_7d,
        users_30d,
        features_30d,
        modules_30d,
        day_number,
        started_on,
        first_day,
        sum(new_guided_tasks) {{ over_so_far() }} as guided_tasks,
        sum(new_configurations) {{ over_so_far() }} as configurations
    from daily
),

signals as (
    select
        running.account_id,
        running.date_day,
        running.started_on,
        cast(running.events_7d as bigint) as events_7d,
        cast(running.events_30d as bigint) as events_30d,
        cast(running.logins_7d as bigint) as logins_7d,
        cast(running.logins_30d as bigint) as logins_30d,
        case
            when
                running.active_users > 0 or running.events = 0
                then cast(running.active_users as bigint)
        end as active_users_1d,
        case
            when
                running.users_7d > 0 or running.events_7d = 0
                then cast(running.users_7d as bigint)
        end as active_users_7d,
        case
            when
                running.users_30d > 0 or running.events_30d = 0
                then cast(running.users_30d as bigint)
        end as active_users_30d,
        case
            when
                running.users_30d > 0 or running.events_30d = 0
                then {{ ratio('running.dau_mau_sum_30d', 'least(running.day_number, 30)') }}
        end as dau_mau_30d,
        cast(running.active_days_7d as bigint) as active_days_7d,
        cast(running.active_days_30d as bigint) as active_days_30d,
        {{ ratio('running.logins_7d', 'running.users_7d') }} as logins_per_active_user_7d,
        case
            when running.day_number >= 14
                then
                    cast({{ ratio(
                        'running.logins_7d', '(running.logins_14d - running.logins_7d)'
                    ) }} - 1 as decimal(18, 6))
        end as login_change_7d,
        case
            when running.day_number >= 30
                then
                    {{ ratio(
                        '23 * running.logins_7d',
                        '(7 * (running.logins_30d - running.logins_7d))'
                    ) }}
        end as logins_baseline_share_7d,
        case
            when running.day_number >= 60
                then
                    cast({{ ratio(
                        'running.events_30d', '(running.events_60d - running.events_30d)'
                    ) }} - 1 as decimal(18, 6))
        end as usage_growth_30d,
        cast(running.core_events_7d as bigint) as core_events_7d,
        cast(running.value_events_30d as bigint) as value_events_30d,
        cast(running.metered_events_30d as bigint) as metered_events_30d,
        cast(running.features_30d as bigint) as features_used_30d,
        cast(running.modules_30d as bigint) as modules_used_30d,
        least({{ ratio('running.modules_30d', 'offers.modules') }}, 1) as module_coverage_30d,
        least({{ ratio('10 * running.features_30d', 'offers.features') }}, 10) as depth_score_30d,
        {{ ratio('running.error_events_7d', 'running.events_7d') }} as error_rate_7d,
        {{ ratio('running.api_calls_7d', '7') }} as api_calls_per_day_7d,
        {{ ratio('running.events_30d', 'running.user_days_30d') }} as session_depth_30d,
        least({{ ratio('running.guided_tasks', 'offers.guided_tasks') }}, 1) as guided_task_share,
        least(
            {{ ratio('running.configurations', 'offers.configurations') }}, 1
        ) as configuration_maturity
    from running
    inner join offers
        on running.account_id = offers.account_id
    where running.date_day >= running.first_day
),

-- A row per day: of the accounts that started since then, the signal says something on the day.
observed as (
    select
        {% for signal in counts + measures -%}
        max(case when signal = '{{ signal }}' then accounts_from end) as {{ signal }},
        {% endfor -%}
        date_day
    from signal_coverage
    group by date_day
),

complete as (
    select
        signals.account_id,
        {% for signal in counts + measures -%}
        case when observed.{{ signal }} <= signals.started_on then signals.{{ signal }} end
            as {{ signal }},
        {% endfor -%}
        signals.date_day
    from signals
    inner join watermarks
        on signals.date_day = watermarks.complete_through
    inner join observed
        on signals.date_day = observed.date_day
),

observed_signals as (
    select
        signals.account_id,
        {% for signal in counts -%}
        case
            when coalesce(observed.{{ signal }} > signals.started_on, true) then null
            when signals.{{ signal }} is null or complete.{{ signal }} > signals.{{ signal }}
                then complete.{{ signal }}
            else signals.{{ signal }}
        end as {{ signal }},
        {% endfor -%}
        {% for signal in measures -%}
        case
            when coalesce(observed.{{ signal }} > signals.started_on, true) then null
            when signals.date_day > watermarks.complete_through then complete.{{ signal }}
            else signals.{{ signal }}
        end as {{ signal }},
        {% endfor -%}
        signals.date_day
    from signals
    cross join watermarks
    inner join observed
        on signals.date_day = observed.date_day
    left join complete
        on
            signals.account_id = complete.account_id
            and signals.date_day > complete.date_day
)

select * from observed_signals
