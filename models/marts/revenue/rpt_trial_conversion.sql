{%- set dimensions = {
    'all': "'all'",
    'category': 'product_category',
    'quarter': 'cast(trial_quarter as ' ~ dbt.type_string() ~ ')',
} -%}

-- Share of trials that became paying customers within a window. One row per group (all, category,
-- quarter of the trial) and window.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

trials as (
    select
        int_trials.*,
        cast({{ dbt.date_trunc('quarter', 'trial_on') }} as date) as trial_quarter
    from {{ ref('int_trials') }} as int_trials
),

trial_windows as (
    select * from {{ ref('trial_windows') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

grouped_trials as (
    {% for dimension, dimension_value in dimensions.items() -%}
    select
        trials.*,
        '{{ dimension }}' as dimension,
        {{ dimension_value }} as dimension_value
    from trials
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A trial whose window is still open counts for nothing, even where it has converted: else the
-- quick ones alone would count.
windows as (
    select
        grouped_trials.*,
        trial_windows.window_days,
        {{ add_days('grouped_trials.trial_on', 'trial_windows.window_days') }}
        <= build_moment.over_on as is_closed,
        coalesce(
            grouped_trials.paid_on
            <= {{ add_days('grouped_trials.trial_on', 'trial_windows.window_days') }},
            false
        ) as has_converted
    from grouped_trials
    cross join trial_windows
    cross join build_moment
),

totals as (
    select
        dimension,
        dimension_value,
        window_days,
        cast(count(*) as bigint) as trials,
        cast(sum(case when is_closed then 0 else 1 end) as bigint) as open_trials,
        cast(sum(case when is_closed then 1 else 0 end) as bigint) as closed_trials,
        cast(sum(case when is_closed and has_converted then 1 else 0 end) as bigint)
            as converted_trials,
        {{ median(
            'case when is_closed and has_converted then '
            ~ days_between('trial_on', 'paid_on') ~ ' end'
        ) }} as median_days
    from windows
    group by dimension, dimension_value, window_days
),

conversion as (
    select
        totals.dimension || '|' || totals.dimension_value || '|'
        || cast(totals.window_days as {{ dbt.type_string() }}) as conversion_key,
        totals.dimension,
        totals.dimension_value,
        totals.window_days,
        totals.trials,
        totals.open_trials,
        totals.closed_trials,
        totals.converted_trials,
        {%- for rate, value in {
            'conversion_rate': ratio('totals.converted_trials', 'totals.closed_trials'),
            'conversion_rate_lower': round_half_up(
                wilson_bound('totals.converted_trials', 'totals.closed_trials', '-'), 6
            ),
            'conversion_rate_upper': round_half_up(
                wilson_bound('totals.converted_trials', 'totals.closed_trials', '+'), 6
            ),
            'median_days_to_convert': round_half_up('totals.median_days', 6),
        }.items() %}
        case
            when totals.closed_trials >= retention_settings.min_at_risk then {{ value }}
        end as {{ rate }},
        {%- endfor %}
        case
            when totals.closed_trials < retention_settings.min_at_risk
                then
                    'too few trials whose window is over: '
                    || cast(totals.closed_trials as {{ dbt.type_string() }})
                    || ', needs '
                    || cast(retention_settings.min_at_risk as {{ dbt.type_string() }})
        end as missing_because
    from totals
    cross join retention_settings
)

select * from conversion
