-- What the pipeline and the people promise, against what was measured, with Wilson intervals. One
-- row per service level, subject and week; one without a week where nothing measures a level.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

settings as (
    select * from {{ ref('programme_settings') }}
),

service_levels as (
    select * from {{ ref('service_levels') }}
),

delays as (
    select * from {{ ref('int_loading_delays') }}
),

deliveries as (
    select * from {{ ref('rpt_sync_deliveries') }}
),

drop_rules as (
    select distinct rule_id
    from {{ ref('risk_criteria') }}
    where measure = 'health_score' and subject = 'drop'
),

episodes as (
    select * from {{ ref('fct_risk_episodes') }}
),

interventions as (
    select * from {{ ref('fct_interventions') }}
),

staged_weeks as (
    select
        'events_staged' as level,
        source as subject,
        week_start,
        events as n,
        events_in_time as in_time,
        cast(null as decimal(9, 4)) as own_min_share
    from delays
    union all
    select
        'events_staged' as level,
        'all' as subject,
        week_start,
        sum(events) as n,
        sum(events_in_time) as in_time,
        cast(null as decimal(9, 4)) as own_min_share
    from delays
    group by week_start
),

delivery_weeks as (
    select
        'sync_success' as level,
        destination as subject,
        {{ first_day_of('week', 'date_day') }} as week_start,
        sum(changes - overtaken) as n,
        sum(acknowledged) as in_time,
        max(min_success_share) as own_min_share
    from deliveries
    group by destination, {{ first_day_of('week', 'date_day') }}
    having sum(changes - overtaken) > 0
),

-- A drop before tasks_from is nobody's task. The day of a task is known, its minute is not.
drop_weeks as (
    select
        'task_after_drop' as level,
        episodes.rule_id as subject,
        {{ first_day_of('week', 'episodes.first_seen_on') }} as week_start,
        count(*) as n,
        sum(case when interventions.opened_on = episodes.first_seen_on then 1 else 0 end)
            as in_time,
        cast(null as decimal(9, 4)) as own_min_share
    from interventions
    inner join episodes
        on interventions.risk_signal_id = episodes.risk_signal_id
    inner join drop_rules
        on episodes.rule_id = drop_rules.rule_id
    cross join build_moment
    where episodes.first_seen_on >= build_moment.tasks_from
    group by episodes.rule_id, {{ first_day_of('week', 'episodes.first_seen_on') }}
),

measured_weeks as (
    select * from staged_weeks
    union all
    select * from delivery_weeks
    union all
    select * from drop_weeks
),

level_weeks as (
    select
        service_levels.*,
        coalesce(measured_weeks.subject, 'all') as subject,
        measured_weeks.week_start,
        measured_weeks.n,
        measured_weeks.in_time,
        coalesce(measured_weeks.own_min_share, service_levels.min_share) as target_share,
        {{ add_days('measured_weeks.week_start', 6) }} <= build_moment.over_on as is_over,
        measured_weeks.n >= settings.min_cases as is_enough,
        settings.min_cases
    from service_levels
    cross join build_moment
    cross join settings
    left join measured_weeks
        on service_levels.level = measured_weeks.level
),

level_weeks_with_share as (
    select
        level_weeks.*,
        case when is_over and is_enough then {{ ratio('in_time', 'n') }} end as share,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when is_over and is_enough
                then {{ round_half_up(wilson_bound('in_time', 'n', sign), 6) }}
        end as share_{{ bound }},
        {%- endfor %}
        case
            when level = 'recompute' then 'nothing records when a build begins and ends'
            when week_start is null then 'nothing of the kind has happened'
            when not is_over then 'the week is not over'
            when not is_enough
                then
                    'too few: ' || cast(cast(n as bigint) as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_cases as {{ dbt.type_string() }})
        end as missing_because
    from level_weeks
),

level_weeks_with_status as (
    select
        level_weeks_with_share.*,
        case
            when share is null then 'unknown'
            when level = 'sync_success' and share > target_share then 'met'
            when level = 'task_after_drop' and share >= target_share then 'unknown'
            when level <> 'sync_success' and share >= target_share then 'met'
            else 'missed'
        end as status
    from level_weeks_with_share
),

levels as (
    select
        level || '|' || subject
        || coalesce('|' || cast(week_start as {{ dbt.type_string() }}), '') as service_level_key,
        level,
        level_order,
        level_name,
        subject,
        week_start,
        cast(coalesce(is_over, false) as boolean) as is_over,
        cast(n as bigint) as n,
        cast(in_time as bigint) as in_time,
        share,
        share_lower,
        share_upper,
        within_minutes,
        cast(target_share as decimal(9, 4)) as target_share,
        status,
        missing_because,
        owner_role,
        case status
            when 'met' then 'Met: '
            when 'missed' then 'Missed: '
            else 'Not known: '
        end
        || coalesce(
            {{ number_text('cast(100 * share as decimal(18, 2))') }} || ' % of '
            || cast(cast(n as bigint) as {{ dbt.type_string() }})
            || case
                when level = 'task_after_drop'
                    then ' on the day of the drop; the minute of a task is not recorded'
                else ''
            end,
            missing_because
        )
        || coalesce(
            '; the target is '
            || {{ number_text('cast(100 * target_share as decimal(18, 2))') }} || ' %', ''
        )
        || coalesce(
            ' within ' || cast(within_minutes as {{ dbt.type_string() }}) || ' minutes', ''
        ) || '.' as verdict
    from level_weeks_with_status
)

select * from levels
