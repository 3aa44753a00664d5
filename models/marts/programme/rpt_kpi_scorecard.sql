-- Each KPI at each checkpoint of the programme: target, actual of the last month that was over by
-- then, status and the words around it. One row per KPI and checkpoint.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

settings as (
    select * from {{ ref('programme_settings') }}
),

checkpoints as (
    select * from {{ ref('kpi_checkpoints') }}
),

kpis as (
    select * from {{ ref('kpis') }}
),

kpi_targets as (
    select * from {{ ref('kpi_targets') }}
),

kpi_months as (
    select * from {{ ref('rpt_kpi_months') }}
),

targets as (
    select
        kpis.*,
        kpi_targets.checkpoint,
        checkpoints.after_days,
        {{ add_days('settings.programme_started_on', 'checkpoints.after_days') }}
            as checkpoint_on,
        kpi_targets.target,
        build_moment.over_on
    from kpi_targets
    inner join kpis
        on kpi_targets.kpi = kpis.kpi
    inner join checkpoints
        on kpi_targets.checkpoint = checkpoints.checkpoint
    cross join settings
    cross join build_moment
),

last_months as (
    select
        targets.kpi,
        targets.checkpoint,
        max(kpi_months.month_end) as month_end
    from targets
    inner join kpi_months
        on
            targets.kpi = kpi_months.kpi
            and targets.checkpoint_on >= kpi_months.month_end
            and kpi_months.is_complete
    where targets.checkpoint_on <= targets.over_on
    group by targets.kpi, targets.checkpoint
),

latest_months as (
    select
        kpi,
        max(month_end) as month_end
    from kpi_months
    where actual is not null
    group by kpi
),

targets_with_actual as (
    select
        targets.*,
        actuals.month_end as actual_on,
        actuals.n,
        actuals.actual,
        actuals.actual_lower,
        actuals.actual_upper,
        case
            when targets.checkpoint_on > targets.over_on then 'the day is not over yet'
            when actuals.kpi is null then 'no month with subscriptions was over by then'
            else actuals.missing_because
        end as missing_because,
        latest.month_end as latest_on,
        latest.actual as latest_actual,
        case when targets.better = 'lower' then -1 else 1 end as sign
    from targets
    left join last_months
        on targets.kpi = last_months.kpi and targets.checkpoint = last_months.checkpoint
    left join kpi_months as actuals
        on targets.kpi = actuals.kpi and last_months.month_end = actuals.month_end
    left join latest_months
        on targets.kpi = latest_months.kpi
    left join kpi_months as latest
        on targets.kpi = latest.kpi and latest_months.month_end = latest.month_end
),

targets_with_status as (
    select
        targets_with_actual.*,
        actual - target as gap,
        case
            when actual is null then 'unknown'
            when sign * (actual - target) >= 0 then 'met'
            when sign * (actual - target) >= -near_margin then 'near'
            else 'missed'
        end as status
    from targets_with_actual
),

scorecard as (
    select
        kpi || '|' || checkpoint as scorecard_key,
        kpi,
        kpi_order,
        kpi_name,
        checkpoint,
        checkpoint_on,
        objective,
        unit,
        better,
        cast(target as decimal(18, 6)) as target,
        actual_on,
        n,
        actual,
        actual_lower,
        actual_upper,
        cast(gap as decimal(18, 6)) as gap,
        cast(near_margin as decimal(18, 6)) as near_margin,
        status,
        missing_because,
        latest_on,
        latest_actual,
        owner_role,
        cadence,
        case status
            when 'met' then 'Met: '
            when 'near' then 'Near: '
            when 'missed' then 'Missed: '
            else 'Not known: '
        end
        || coalesce(
            {{ number_with_unit('actual', 'unit') }} || ' ('
            || coalesce(
                {{ number_with_unit('actual_lower', 'unit') }} || ' to '
                || {{ number_with_unit('actual_upper', 'unit') }} || ', ', ''
            )
            || 'n ' || cast(n as {{ dbt.type_string() }}) || ') by '
            || cast(actual_on as {{ dbt.type_string() }}),
            missing_because
        )
        || '; the target is '
        || case better when 'lower' then 'at most ' else 'at least ' end
        || {{ number_with_unit('target', 'unit') }}
        || case
            when actual_lower <= target and actual_upper >= target
                then ', which the interval contains'
            else ''
        end || '.' as verdict,
        narrative,
        definition,
        mart
    from targets_with_status
)

select * from scorecard
