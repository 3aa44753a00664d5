{%- set cell = 'dimension, segment, benchmark_group' -%}
{%- set so_far = 'over (partition by ' ~ cell ~ ' order by day
            rows between unbounded preceding and current row)' -%}
{%- set quartiles = {'lower': 0.75, 'middle': 0.50, 'upper': 0.25} -%}
{%- set amounts = {'net_retention': 'end_arr', 'expansion_share': 'expansion_arr'} -%}

-- Published figures beside own ones of a year: time to first value by Kaplan-Meier, revenue by the
-- linearised variance of a ratio, bands by Wilson. One row per size, group of products and metric.
with

settings as (
    select * from {{ ref('programme_settings') }}
),

metrics as (
    select * from {{ ref('benchmark_metrics') }}
),

groups as (
    select * from {{ ref('benchmark_groups') }}
),

benchmarks as (
    select * from {{ ref('benchmarks') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

times_to_value as (
    select * from {{ ref('fct_time_to_value') }}
    where
        onboarding_number = 1 and is_primary and followed_days is not null
        and entered_after_days = 0
),

arr_months as (
    select * from {{ ref('int_arr_months') }}
    where arr > 0
),

all_arr_months as (
    select * from {{ ref('int_arr_months') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

health as (
    select * from {{ ref('fct_current_health') }}
    where status = 'scored'
),

dimension_segments as (
    select distinct
        dimension,
        segment
    from benchmarks
),

dimension_metrics as (
    select distinct
        dimension,
        metric
    from benchmarks
),

dimension_groups as (
    select distinct
        dimension,
        benchmark_group
    from groups
),

cells as (
    select
        dimension_groups.dimension,
        dimension_segments.segment,
        dimension_groups.benchmark_group
    from dimension_groups
    inner join dimension_segments
        on dimension_groups.dimension = dimension_segments.dimension
),

accounts_by_cell as (
    select
        accounts.account_id,
        cells.dimension,
        cells.segment,
        cells.benchmark_group
    from accounts
    inner join groups
        on accounts.product_category = groups.product_category
    inner join cells
        on
            groups.dimension = cells.dimension
            and groups.benchmark_group = cells.benchmark_group
            and cells.segment in ('all', accounts.segment)
),

last_months as (
    select max(month_number) as month_number
    from months
    where is_complete
),

year_ends as (
    select
        ends.month_end as last_day,
        ends.month_number as last_number,
        ends.month_number - settings.compared_months as first_number,
        ends.month_number - settings.compared_months + 1 as first_month_number
    from last_months
    cross join settings
    inner join months as ends
        on last_months.month_number = ends.month_number
),

first_days as (
    select
        year_ends.last_day,
        min(months.month_start) as first_day
    from year_ends
    inner join months
        on months.month_number between year_ends.first_month_number and year_ends.last_number
    group by year_ends.last_day
),

waits as (
    select
        accounts_by_cell.dimension,
        accounts_by_cell.segment,
        accounts_by_cell.benchmark_group,
        times_to_value.followed_days,
        case when times_to_value.days_to_value = times_to_value.followed_days then 1 else 0 end
            as is_event
    from times_to_value
    inner join first_days
        on times_to_value.started_on between first_days.first_day and first_days.last_day
    inner join accounts_by_cell
        on times_to_value.account_id = accounts_by_cell.account_id
),

wait_days as (
    select
        {{ cell }},
        followed_days as day,
        count(*) as leaving,
        sum(is_event) as activated
    from waits
    group by {{ cell }}, followed_days
),

wait_days_at_risk as (
    select
        wait_days.*,
        sum(leaving) over (
            partition by {{ cell }} order by day desc
            rows between unbounded preceding and current row
        ) as at_risk,
        sum(activated) over (
            partition by {{ cell }} order by day
            rows between unbounded preceding and current row
        ) as activated_so_far
    from wait_days
),

curve_sums as (
    select
        wait_days_at_risk.*,
        sum(
            case
                when at_risk > activated
                    then ln(1 - {{ as_double('activated') }} / at_risk)
                else 0
            end
        ) {{ so_far }} as log_survival,
        sum(
            case
                when at_risk > activated
                    then {{ as_double('activated') }} / (at_risk * (at_risk - activated))
                else 0
            end
        ) {{ so_far }} as greenwood,
        max(case when at_risk = activated then 1 else 0 end) {{ so_far }} as is_exhausted
    from wait_days_at_risk
),

curves as (
    select
        curve_sums.*,
        case
            when is_exhausted = 1 then cast(0 as decimal(18, 10))
            else {{ round_half_up('exp(log_survival)', 10) }}
        end as survival,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '+') }} as survival_lower,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '-') }} as survival_upper,
        at_risk + activated_so_far - activated as known
    from curve_sums
),

curve_quartiles as (
    select
        {{ cell }},
        {%- for quartile, level in quartiles.items() %}
        min(case when survival <= {{ level }} then day end) as {{ quartile }}_day,
        {%- endfor %}
        min(case when survival_lower <= 0.5 or survival = 0 then day end) as middle_lower,
        min(case when survival_upper <= 0.5 or survival = 0 then day end) as middle_upper,
        max(at_risk) as accounts
    from curves
    group by {{ cell }}
),

wait_values as (
    select
        curve_quartiles.dimension,
        curve_quartiles.segment,
        curve_quartiles.benchmark_group,
        'time_to_first_value' as metric,
        curve_quartiles.accounts as n,
        case when middles.known >= settings.min_cases then curve_quartiles.middle_day end as own,
        case when middles.known >= settings.min_cases then curve_quartiles.middle_lower end
            as own_lower,
        case when middles.known >= settings.min_cases then curve_quartiles.middle_upper end
            as own_upper,
        case when lowers.known >= settings.min_cases then curve_quartiles.lower_day end
            as lower_quartile,
        case when uppers.known >= settings.min_cases then curve_quartiles.upper_day end
            as upper_quartile,
        case
            when middles.known is null then 'not half of them have reached it so far'
            when middles.known < settings.min_cases
                then
                    'too few accounts: '
                    || cast(cast(middles.known as bigint) as {{ dbt.type_string() }})
                    || ', needs ' || cast(settings.min_cases as {{ dbt.type_string() }})
        end as missing_because
    from curve_quartiles
    cross join settings
    {%- for quartile in quartiles %}
    left join curves as {{ quartile }}s
        on
            curve_quartiles.dimension = {{ quartile }}s.dimension
            and curve_quartiles.segment = {{ quartile }}s.segment
            and curve_quartiles.benchmark_group = {{ quartile }}s.benchmark_group
            and curve_quartiles.{{ quartile }}_day = {{ quartile }}s.day
    {%- endfor %}
),

horizon_cells as (
    select
        dimension,
        segment,
        benchmark_group,
        by_day
    from benchmarks
    where metric = 'activated_share'
),

horizon_accounts as (
    select
        horizon_cells.dimension,
        horizon_cells.segment,
        horizon_cells.benchmark_group,
        horizon_cells.by_day,
        max(waits.followed_days) as longest,
        sum(
            case
                when waits.followed_days >= horizon_cells.by_day or waits.is_event = 1 then 1
                else 0
            end
        ) as known
    from horizon_cells
    inner join waits
        on
            horizon_cells.dimension = waits.dimension
            and horizon_cells.segment = waits.segment
            and horizon_cells.benchmark_group = waits.benchmark_group
    group by
        horizon_cells.dimension,
        horizon_cells.segment,
        horizon_cells.benchmark_group,
        horizon_cells.by_day
),

horizon_days as (
    select
        horizon_accounts.dimension,
        horizon_accounts.segment,
        horizon_accounts.benchmark_group,
        horizon_accounts.by_day,
        horizon_accounts.longest,
        horizon_accounts.known,
        max(curves.day) as day
    from horizon_accounts
    left join curves
        on
            horizon_accounts.dimension = curves.dimension
            and horizon_accounts.segment = curves.segment
            and horizon_accounts.benchmark_group = curves.benchmark_group
            and horizon_accounts.by_day >= curves.day
    group by
        horizon_accounts.dimension,
        horizon_accounts.segment,
        horizon_accounts.benchmark_group,
        horizon_accounts.by_day,
        horizon_accounts.longest,
        horizon_accounts.known
),

horizon_survivals as (
    select
        horizon_days.*,
        coalesce(curves.survival, 1) as survival,
        case when curves.day is null then 1 else curves.survival_lower end as survival_lower,
        case when curves.day is null then 1 else curves.survival_upper end as survival_upper,
        settings.min_cases,
        horizon_days.known >= settings.min_cases
        and (horizon_days.longest >= horizon_days.by_day or curves.survival = 0) as is_told
    from horizon_days
    cross join settings
    left join curves
        on
            horizon_days.dimension = curves.dimension
            and horizon_days.segment = curves.segment
            and horizon_days.benchmark_group = curves.benchmark_group
            and horizon_days.day = curves.day
),

horizon_values as (
    select
        {{ cell }},
        'activated_share' as metric,
        known as n,
        case when is_told then 1 - survival end as own,
        case when is_told then 1 - survival_upper end as own_lower,
        case when is_told then 1 - survival_lower end as own_upper,
        cast(null as integer) as lower_quartile,
        cast(null as integer) as upper_quartile,
        case
            when is_told then null
            when known < min_cases
                then
                    'too few accounts: '
                    || cast(cast(known as bigint) as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_cases as {{ dbt.type_string() }})
            else 'nobody was followed so long'
        end as missing_because
    from horizon_survivals
),

account_years as (
    select
        accounts_by_cell.dimension,
        accounts_by_cell.segment,
        accounts_by_cell.benchmark_group,
        accounts_by_cell.account_id,
        starts.arr as start_arr,
        coalesce(ends.arr, 0) as end_arr,
        greatest(coalesce(ends.arr, 0) - starts.arr, 0) as expansion_arr
    from accounts_by_cell
    cross join year_ends
    inner join arr_months as starts
        on
            accounts_by_cell.account_id = starts.account_id
            and year_ends.first_number = starts.month_number
    left join all_arr_months as ends
        on
            accounts_by_cell.account_id = ends.account_id
            and year_ends.last_number = ends.month_number
),

account_ratios as (
    {% for metric, amount in amounts.items() -%}
    select
        {{ cell }},
        '{{ metric }}' as metric,
        account_id,
        start_arr,
        {{ amount }} as amount,
        {{ ratio(amount, 'start_arr') }} as account_ratio
    from account_years
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ordered_ratios as (
    select
        account_ratios.*,
        {{ as_double('sum(amount) over (partition by ' ~ cell ~ ', metric)') }}
        / {{ as_double('sum(start_arr) over (partition by ' ~ cell ~ ', metric)') }} as share,
        row_number() over (
            partition by {{ cell }}, metric order by account_ratio, account_id
        ) as place,
        count(*) over (partition by {{ cell }}, metric) as accounts
    from account_ratios
),

ratio_sums as (
    select
        {{ cell }},
        metric,
        share,
        accounts,
        sum(start_arr) as start_arr,
        sum(
            ({{ as_double('amount') }} - share * {{ as_double('start_arr') }})
            * ({{ as_double('amount') }} - share * {{ as_double('start_arr') }})
        ) as squared_residuals,
        max(case when place = cast(ceil(0.25 * accounts) as bigint) then account_ratio end)
            as lower_quartile,
        max(case when place = cast(ceil(0.75 * accounts) as bigint) then account_ratio end)
            as upper_quartile
    from ordered_ratios
    group by {{ cell }}, metric, share, accounts
),

-- Linearised variance of a ratio of sums over accounts (Cochran, Sampling Techniques, 1977).
ratio_errors as (
    select
        ratio_sums.*,
        settings.min_cases,
        sqrt(
            ratio_sums.squared_residuals * {{ as_double('ratio_sums.accounts') }}
            / nullif(ratio_sums.accounts - 1, 0)
        ) / {{ as_double('ratio_sums.start_arr') }} as error
    from ratio_sums
    cross join settings
),

ratio_values as (
    select
        {{ cell }},
        metric,
        accounts as n,
        case when accounts >= min_cases then {{ round_half_up('share', 6) }} end as own,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when accounts >= min_cases
                then
                    {{ round_half_up('share ' ~ sign ~ ' ' ~ var('confidence_z') ~ ' * error', 6) }}
        end as own_{{ bound }},
        {%- endfor %}
        case when accounts >= min_cases then lower_quartile end as lower_quartile,
        case when accounts >= min_cases then upper_quartile end as upper_quartile,
        case
            when accounts < min_cases
                then
                    'too few accounts: ' || cast(accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_cases as {{ dbt.type_string() }})
        end as missing_because
    from ratio_errors
),

band_counts as (
    select
        accounts_by_cell.dimension,
        accounts_by_cell.segment,
        accounts_by_cell.benchmark_group,
        metrics.metric,
        count(*) as accounts,
        sum(case when health.band = metrics.band then 1 else 0 end) as band_accounts
    from health
    inner join accounts_by_cell
        on health.account_id = accounts_by_cell.account_id
    inner join metrics
        on metrics.band is not null
    group by
        accounts_by_cell.dimension,
        accounts_by_cell.segment,
        accounts_by_cell.benchmark_group,
        metrics.metric
),

band_values as (
    select
        band_counts.dimension,
        band_counts.segment,
        band_counts.benchmark_group,
        band_counts.metric,
        band_counts.accounts as n,
        case
            when band_counts.accounts >= settings.min_cases
                then {{ ratio('band_counts.band_accounts', 'band_counts.accounts') }}
        end as own,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when band_counts.accounts >= settings.min_cases
                then
                    {{ round_half_up(
                        wilson_bound('band_counts.band_accounts', 'band_counts.accounts', sign), 6
                    ) }}
        end as own_{{ bound }},
        {%- endfor %}
        cast(null as decimal(18, 6)) as lower_quartile,
        cast(null as decimal(18, 6)) as upper_quartile,
        case
            when band_counts.accounts < settings.min_cases
                then
                    'too few accounts: '
                    || cast(band_counts.accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(settings.min_cases as {{ dbt.type_string() }})
        end as missing_because
    from band_counts
    cross join settings
),

own_values as (
    {% for values in ['wait_values', 'horizon_values', 'ratio_values', 'band_values'] -%}
    select
        {{ cell }},
        metric,
        n,
        {%- for column in ['own', 'own_lower', 'own_upper', 'lower_quartile', 'upper_quartile'] %}
        cast({{ column }} as decimal(18, 6)) as {{ column }},
        {%- endfor %}
        missing_because
    from {{ values }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

cells_with_values as (
    select
        cells.dimension,
        cells.segment,
        cells.benchmark_group,
        metrics.metric,
        metrics.metric_order,
        metrics.metric_name,
        metrics.unit,
        metrics.better,
        benchmarks.by_day,
        benchmarks.published_from,
        benchmarks.published_to,
        benchmarks.source as published_source,
        coalesce(own_values.n, 0) as n,
        own_values.own,
        own_values.own_lower,
        own_values.own_upper,
        own_values.lower_quartile,
        own_values.upper_quartile,
        case
            when own_values.metric is null then 'no such account'
            else own_values.missing_because
        end as missing_because
    from cells
    inner join dimension_metrics
        on cells.dimension = dimension_metrics.dimension
    inner join metrics
        on dimension_metrics.metric = metrics.metric
    left join benchmarks
        on
            cells.dimension = benchmarks.dimension
            and cells.segment = benchmarks.segment
            and cells.benchmark_group = benchmarks.benchmark_group
            and metrics.metric = benchmarks.metric
    left join own_values
        on
            cells.dimension = own_values.dimension
            and cells.segment = own_values.segment
            and cells.benchmark_group = own_values.benchmark_group
            and metrics.metric = own_values.metric
),

cells_with_side as (
    select
        cells_with_values.*,
        case
            when own is null then 'not_known'
            when published_from is null then 'not_published'
            when own > published_to and own_lower > published_to then 'higher'
            when own < published_from and own_upper < published_from then 'lower'
            else 'alike'
        end as side
    from cells_with_values
),

cells_with_finding as (
    select
        cells_with_side.*,
        case
            when side in ('not_known', 'not_published', 'alike') then side
            when better = 'neither' then 'differs'
            when side = better then 'better'
            else 'worse'
        end as finding,
        coalesce(
            case
                when published_from = published_to
                    then {{ number_with_unit('published_from', 'unit') }}
                else
                    {{ number_with_unit('published_from', 'unit') }} || ' to '
                    || {{ number_with_unit('published_to', 'unit') }}
            end, 'nothing'
        ) as published_text
    from cells_with_side
),

benchmark_rows as (
    select
        dimension || '|' || segment || '|' || benchmark_group || '|' || metric as benchmark_key,
        dimension,
        segment,
        benchmark_group,
        metric,
        metric_order,
        metric_name,
        unit,
        better,
        by_day,
        cast(published_from as decimal(18, 6)) as published_from,
        cast(published_to as decimal(18, 6)) as published_to,
        published_source,
        cast(n as bigint) as n,
        own,
        own_lower,
        own_upper,
        lower_quartile,
        upper_quartile,
        finding,
        missing_because,
        case finding
            when 'not_known' then 'Not known: ' || missing_because || '; '
            when 'not_published' then 'Not published: own '
            when 'alike' then 'No clear difference: own '
            when 'better' then 'Better: own '
            when 'worse' then 'Worse: own '
            else 'Differs: own '
        end
        || coalesce(
            {{ number_with_unit('own', 'unit') }} || ' ('
            || coalesce(
                {{ number_with_unit('own_lower', 'unit') }} || ' to '
                || {{ number_with_unit('own_upper', 'unit') }} || ', ', ''
            )
            || 'n ' || cast(cast(n as bigint) as {{ dbt.type_string() }}) || '); ', ''
        )
        || published_text || ' is published.' as verdict
    from cells_with_finding
)

select * from benchmark_rows
