{%- set z = var('confidence_z') -%}
{%- set gained = 'cast(new_arr + reactivation_arr + expansion_arr as decimal(18, 2))' -%}
{%- set lost = 'cast(contraction_arr + churned_arr as decimal(18, 2))' -%}

-- Quick ratio: ARR gained for each unit lost. One row per segment and month or quarter.
with

movements as (
    select * from {{ ref('fct_arr_movements') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

movements_by_segment as (
    select movements.*, segment as cohort_segment from movements
    union all
    select movements.*, 'all' as cohort_segment from movements
),

movements_by_period as (
    select
        movements_by_segment.*,
        'month' as period,
        month_start as period_start
    from movements_by_segment
    union all
    select
        movements_by_segment.*,
        'quarter' as period,
        cast({{ dbt.date_trunc('quarter', 'month_start') }} as date) as period_start
    from movements_by_segment
),

account_periods as (
    select
        cohort_segment,
        period,
        period_start,
        account_id,
        {% for amount in ['new', 'reactivation', 'expansion', 'contraction', 'churned'] -%}
        sum({{ amount }}_arr) as {{ amount }}_arr,
        {% endfor -%}
        max(case when is_complete then month_end end) as complete_until,
        cast(sum({{ gained }}) as decimal(19, 2)) as gained,
        cast(sum({{ lost }}) as decimal(19, 2)) as lost
    from movements_by_period
    group by cohort_segment, period, period_start, account_id
),

totals as (
    select
        cohort_segment,
        period,
        period_start,
        case period
            when 'month' then {{ add_days(
                'cast(' ~ dbt.date_trunc('month', add_days('period_start', 32)) ~ ' as date)', -1
            ) }}
            else {{ add_days(
                'cast(' ~ dbt.date_trunc('quarter', add_days('period_start', 95)) ~ ' as date)', -1
            ) }}
        end as period_end,
        max(complete_until) as complete_until,
        cast(sum(case when gained <> 0 or lost <> 0 then 1 else 0 end) as bigint)
            as moved_accounts,
        {% for amount in ['new', 'reactivation', 'expansion', 'contraction', 'churned'] -%}
        cast(sum({{ amount }}_arr) as decimal(18, 2)) as {{ amount }}_arr,
        {% endfor -%}
        cast(sum(gained) as decimal(18, 2)) as gained_arr,
        cast(sum(lost) as decimal(18, 2)) as lost_arr,
        {{ as_double('sum(gained * gained)') }} as gained_squares,
        {{ as_double('sum(gained * lost)') }} as products,
        {{ as_double('sum(lost * lost)') }} as lost_squares
    from account_periods
    group by cohort_segment, period, period_start
),

-- The logarithm of a ratio of sums is nearer to normal than the ratio, so the interval is taken on
-- it (delta method over accounts).
totals_with_error as (
    select
        totals.*,
        coalesce(totals.complete_until = totals.period_end, false) as is_complete,
        retention_settings.min_at_risk,
        totals.moved_accounts >= retention_settings.min_at_risk
        and totals.lost_arr > 0 as is_told,
        case
            when totals.gained_arr > 0 and totals.lost_arr > 0
                then
                    sqrt(
                        greatest(
                            totals.gained_squares / {{ as_double('totals.gained_arr') }}
                            / {{ as_double('totals.gained_arr') }}
                            - 2 * totals.products / {{ as_double('totals.gained_arr') }}
                            / {{ as_double('totals.lost_arr') }}
                            + totals.lost_squares / {{ as_double('totals.lost_arr') }}
                            / {{ as_double('totals.lost_arr') }}, 0
                        ) * totals.moved_accounts / nullif(totals.moved_accounts - 1, 0)
                    )
        end as log_error
    from totals
    cross join retention_settings
),

-- An error that no number can hold, where discounts leave next to nothing, tells nothing.
bounds as (
    select
        totals_with_error.*,
        {{ as_double('gained_arr') }} / nullif({{ as_double('lost_arr') }}, 0)
        / exp({{ z }} * case when log_error < 100 then log_error end) as lower_ratio,
        {{ as_double('gained_arr') }} / nullif({{ as_double('lost_arr') }}, 0)
        * exp({{ z }} * case when log_error < 100 then log_error end) as upper_ratio
    from totals_with_error
),

quick_ratios as (
    select
        cohort_segment || '|' || period || '|'
        || cast(period_start as {{ dbt.type_string() }}) as ratio_key,
        cohort_segment as segment,
        period,
        period_start,
        period_end,
        is_complete,
        moved_accounts,
        new_arr,
        reactivation_arr,
        expansion_arr,
        contraction_arr,
        churned_arr,
        gained_arr,
        lost_arr,
        case when is_told then {{ ratio('gained_arr', 'lost_arr') }} end as quick_ratio,
        {%- for bound in ['lower', 'upper'] %}
        case
            when is_told and upper_ratio < 1e11 then {{ round_half_up(bound ~ '_ratio', 6) }}
        end as quick_ratio_{{ bound }},
        {%- endfor %}
        case
            when lost_arr = 0 then 'no ARR was lost'
            when lost_arr < 0 then 'the ARR that was lost was below 0: discounts ended'
            when not is_told
                then
                    'too few accounts moved: ' || cast(moved_accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
        end as missing_because
    from bounds
)

select * from quick_ratios
