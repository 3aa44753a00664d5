-- The three targets of expansion, what was measured and whether each is met. One row per target.
with

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

expansion_bands as (
    select * from {{ ref('expansion_bands') }}
),

expansion_horizons as (
    select * from {{ ref('expansion_horizons') }}
),

retention_windows as (
    select * from {{ ref('retention_windows') }}
),

retention as (
    select * from {{ ref('rpt_revenue_retention') }}
    where segment = 'all' and cohort = 'all' and is_complete
),

kpis as (
    select * from {{ ref('rpt_expansion') }}
    where population = 'qualified' and segment = 'all'
),

longest_window as (
    select max(window_months) as window_months
    from retention_windows
),

last_months as (
    select
        window_months,
        max(month_start) as month_start
    from retention
    group by window_months
),

best_band as (
    select band from expansion_bands
    where lower_edge = (select max(bands.lower_edge) from expansion_bands as bands)
),

-- The shortest horizon in which the target can be reached, else the longest.
win_horizon as (
    select
        coalesce(
            min(
                case
                    when horizons.horizon_days >= expansion_settings.target_days_to_win
                        then horizons.horizon_days
                end
            ),
            max(horizons.horizon_days)
        ) as horizon_days
    from expansion_horizons as horizons
    cross join expansion_settings
),

last_horizon as (
    select max(horizon_days) as horizon_days
    from expansion_horizons
),

shares as (
    select
        expansion_settings.*,
        longest_window.window_months,
        retention.month_end,
        {{ ratio('retention.expansion_arr', 'retention.start_arr') }} as measured
    from expansion_settings
    cross join longest_window
    left join last_months
        on longest_window.window_months = last_months.window_months
    left join retention
        on
            last_months.window_months = retention.window_months
            and last_months.month_start = retention.month_start
),

wins as (
    select
        expansion_settings.*,
        best_band.band,
        win_horizon.horizon_days,
        coalesce(kpis.closed_leads, 0) as closed_leads,
        kpis.median_days_to_win as measured
    from expansion_settings
    cross join best_band
    cross join win_horizon
    left join kpis
        on best_band.band = kpis.band and win_horizon.horizon_days = kpis.horizon_days
),

false_alarms as (
    select
        expansion_settings.*,
        last_horizon.horizon_days,
        coalesce(kpis.closed_leads, 0) as closed_leads,
        kpis.false_positive_rate as measured,
        kpis.false_positive_rate_lower as measured_lower,
        kpis.false_positive_rate_upper as measured_upper
    from expansion_settings
    cross join last_horizon
    left join kpis
        on kpis.band = 'all' and last_horizon.horizon_days = kpis.horizon_days
),

target_findings as (
    select
        'expansion_arr_share' as target,
        1 as target_order,
        cast(measured as decimal(18, 6)) as measured,
        cast(target_arr_share_from as decimal(18, 6)) as wanted_from,
        cast(target_arr_share_to as decimal(18, 6)) as wanted_to,
        case
            when measured is null then 'not_known'
            when measured < target_arr_share_from then 'missed'
            else 'met'
        end as finding,
        coalesce(
            'ARR grew by ' || {{ number_with_unit('measured', "'ratio'") }}
            || ' by expansion in the ' || cast(window_months as {{ dbt.type_string() }})
            || ' months to ' || cast(month_end as {{ dbt.type_string() }}),
            'no ' || cast(window_months as {{ dbt.type_string() }})
            || ' months of ARR are over yet'
        ) || '; the target is '
        || {{ number_text('cast(100 * target_arr_share_from as decimal(18, 1))') }} || ' to '
        || {{ number_with_unit('target_arr_share_to', "'ratio'") }} || '.' as verdict
    from shares
    union all
    select
        'days_to_win' as target,
        2 as target_order,
        cast(measured as decimal(18, 6)) as measured,
        cast(null as decimal(18, 6)) as wanted_from,
        cast(target_days_to_win as decimal(18, 6)) as wanted_to,
        case
            when closed_leads < min_leads then 'not_known'
            when measured <= target_days_to_win then 'met'
            else 'missed'
        end as finding,
        case
            when closed_leads < min_leads
                then
                    'too few leads of ' || band || ' whose '
                    || cast(horizon_days as {{ dbt.type_string() }}) || ' days are over: '
                    || cast(closed_leads as {{ dbt.type_string() }}) || ', needs '
                    || cast(min_leads as {{ dbt.type_string() }})
            when measured is null
                then
                    'less than half of the leads of ' || band || ' have won within '
                    || cast(horizon_days as {{ dbt.type_string() }}) || ' days'
            else
                'half of the leads of ' || band || ' have won by day '
                || cast(measured as {{ dbt.type_string() }})
        end || '; the target is day ' || cast(target_days_to_win as {{ dbt.type_string() }})
        || '.' as verdict
    from wins
    union all
    select
        'false_positive_rate' as target,
        3 as target_order,
        cast(measured as decimal(18, 6)) as measured,
        cast(null as decimal(18, 6)) as wanted_from,
        cast(target_false_positive_rate as decimal(18, 6)) as wanted_to,
        case
            when closed_leads < min_leads then 'not_known'
            when measured_lower > target_false_positive_rate then 'missed'
            when measured_upper <= target_false_positive_rate then 'met'
            else 'not_known'
        end as finding,
        case
            when closed_leads < min_leads
                then
                    'too few leads whose ' || cast(horizon_days as {{ dbt.type_string() }})
                    || ' days are over: ' || cast(closed_leads as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_leads as {{ dbt.type_string() }})
            else
                'of the qualified leads ' || {{ number_with_unit('measured', "'ratio'") }}
                || ' (' || {{ number_text('cast(100 * measured_lower as decimal(18, 1))') }}
                || ' to ' || {{ number_with_unit('measured_upper', "'ratio'") }}
                || ') did not expand within ' || cast(horizon_days as {{ dbt.type_string() }})
                || ' days'
        end || '; the target is at most '
        || {{ number_with_unit('target_false_positive_rate', "'ratio'") }} || '.' as verdict
    from false_alarms
),

targets as (
    select
        target,
        target_order,
        measured,
        wanted_from,
        wanted_to,
        finding,
        case finding
            when 'met' then 'Met: '
            when 'missed' then 'Missed: '
            else 'Not known yet: '
        end || verdict as verdict
    from target_findings
)

select * from targets
