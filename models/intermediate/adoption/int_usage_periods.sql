{%- set lengths = {
    'week': add_days('period_start', 6),
    'month': add_days(first_day_of('month', add_days('period_start', 31)), -1),
} %}

-- Weeks and months since users were first observed, and how far their days are over and observed.
-- One row per week and month.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'product' and subject = 'users'
),

bounds as (
    select
        min(observed_days.date_day) as first_day,
        min(build_moment.as_of) as last_day
    from observed_days
    cross join build_moment
),

calendar as (
    select {{ each_day('first_day', 'last_day') }} as date_day
    from bounds{{ from_each_day('first_day', 'last_day') }}
    where first_day is not null
),

days as (
    select
        calendar.date_day,
        watermarks.complete_through,
        case
            when
                observed_days.date_day is not null
                and calendar.date_day <= watermarks.complete_through
                then 1
            else 0
        end as is_seen
    from calendar
    cross join watermarks
    left join observed_days
        on calendar.date_day = observed_days.date_day
),

days_of_periods as (
    {% for period in lengths -%}
    select
        '{{ period }}' as period,
        {{ first_day_of(period, 'date_day') }} as period_start,
        complete_through,
        is_seen
    from days
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted_periods as (
    select
        period,
        period_start,
        complete_through,
        sum(is_seen) as seen_days
    from days_of_periods
    group by period, period_start, complete_through
),

ended_periods as (
    select
        counted_periods.*,
        case period
            {% for period, last_day in lengths.items() -%}
            when '{{ period }}' then {{ last_day }}
            {% endfor %}
        end as period_end
    from counted_periods
),

covered_periods as (
    select
        ended_periods.*,
        period_end > complete_through as is_open,
        seen_days > 0
        and seen_days
        = {{ days_between('period_start', 'least(period_end, complete_through)') }} + 1
            as is_covered
    from ended_periods
),

usage_periods as (
    select
        period,
        period_start,
        period_end,
        is_open,
        is_covered,
        lag(period_start) over (partition by period order by period_start) as start_before,
        lead(period_start) over (partition by period order by period_start) as start_after,
        coalesce(
            lag(case when is_covered and not is_open then 1 else 0 end) over (
                partition by period order by period_start
            ), 0
        ) = 1 as is_covered_before
    from covered_periods
)

select * from usage_periods
