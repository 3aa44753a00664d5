{%- set z = var('confidence_z') -%}

-- Support cost per account and year of a quarter, by the band that the account showed when the
-- quarter began, against the best band. One row per quarter, segment and band.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

support_work as (
    select * from {{ ref('int_support_work') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

shown_bands as (
    select * from {{ ref('int_shown_bands') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

best_bands as (
    select
        band,
        row_number() over (order by lower_edge desc, band asc) as place
    from health_bands
),

-- The band of the last score date before the quarter, so that its tickets have not made the band.
work_with_band as (
    select
        support_work.*,
        accounts.segment,
        coalesce(shown_bands.band, 'none') as band,
        cast(support_work.cost as decimal(19, 2)) as paid,
        cast(support_work.observed_days as decimal(19, 0)) as days
    from support_work
    inner join accounts
        on support_work.account_id = accounts.account_id
    left join shown_bands
        on
            support_work.account_id = shown_bands.account_id
            and shown_bands.score_date
            = {{ last_score_weekday(add_days('support_work.quarter_start', -1)) }}
),

work_by_segment as (
    select work_with_band.*, segment as cohort_segment from work_with_band
    union all
    select work_with_band.*, 'all' as cohort_segment from work_with_band
),

work_by_band as (
    select work_by_segment.*, band as cohort_band from work_by_segment
    union all
    select work_by_segment.*, 'all' as cohort_band from work_by_segment
),

totals as (
    select
        quarter_start,
        cohort_segment as segment,
        cohort_band as band,
        cast(count(*) as bigint) as accounts,
        cast(sum(observed_days) as bigint) as account_days,
        cast(sum(cost) as decimal(18, 2)) as cost,
        {{ as_double('sum(cost)') }} / {{ as_double('sum(days)') }} as daily_cost,
        {{ as_double('sum(paid * paid)') }} as squares,
        {{ as_double('sum(paid * days)') }} as products,
        {{ as_double('sum(days * days)') }} as base_squares
    from work_by_band
    group by quarter_start, cohort_segment, cohort_band
),

totals_with_error as (
    select
        totals.*,
        {{ add_days(
            'cast(' ~ dbt.date_trunc('quarter', add_days('totals.quarter_start', 95)) ~ ' as date)',
            -1
        ) }} as quarter_end,
        retention_settings.min_at_risk,
        365 * totals.daily_cost as yearly_cost,
        365 * sqrt(
            {{ ratio_variance(
                'totals.daily_cost', 'totals.squares', 'totals.products', 'totals.base_squares',
                'totals.account_days'
            ) }} * totals.accounts / nullif(totals.accounts - 1, 0)
        ) as yearly_error
    from totals
    cross join retention_settings
),

compared_totals as (
    select
        bands.*,
        bands.quarter_end <= build_moment.over_on as is_complete,
        bands.accounts >= bands.min_at_risk as is_told,
        best_bands.band as best_band,
        bands.yearly_cost - best.yearly_cost as difference,
        sqrt(
            bands.yearly_error * bands.yearly_error + best.yearly_error * best.yearly_error
        ) as difference_error,
        bands.band not in (best_bands.band, 'all')
        and bands.accounts >= bands.min_at_risk
        and coalesce(best.accounts >= best.min_at_risk, false) as is_compared
    from totals_with_error as bands
    cross join build_moment
    inner join best_bands
        on best_bands.place = 1
    left join totals_with_error as best
        on
            bands.quarter_start = best.quarter_start
            and bands.segment = best.segment
            and best_bands.band = best.band
),

costs as (
    select
        segment || '|' || band || '|' || cast(quarter_start as {{ dbt.type_string() }})
            as cost_key,
        segment,
        band,
        quarter_start,
        quarter_end,
        is_complete,
        accounts,
        account_days,
        cost,
        {%- for name, value in {
            'annual_cost_per_account': 'yearly_cost',
            'annual_cost_per_account_lower': 'yearly_cost - ' ~ z ~ ' * yearly_error',
            'annual_cost_per_account_upper': 'yearly_cost + ' ~ z ~ ' * yearly_error',
        }.items() %}
        case when is_told then {{ round_half_up(value, 2) }} end as {{ name }},
        {%- endfor %}
        {%- for name, value in {
            'difference_to_best_band': 'difference',
            'difference_to_best_band_lower': 'difference - ' ~ z ~ ' * difference_error',
            'difference_to_best_band_upper': 'difference + ' ~ z ~ ' * difference_error',
        }.items() %}
        case when is_compared then {{ round_half_up(value, 2) }} end as {{ name }},
        {%- endfor %}
        case
            when not is_told
                then
                    'too few accounts: ' || cast(accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when band in (best_band, 'all') then 'this band is compared with no other'
            when not is_compared then 'too few accounts in the band ' || best_band
            when difference - {{ z }} * difference_error > 0
                then 'costs more than ' || best_band || ' (association)'
            when difference + {{ z }} * difference_error < 0
                then 'costs less than ' || best_band || ' (association)'
            else 'no difference from ' || best_band || ' can be told'
        end as finding
    from compared_totals
)

select * from costs
