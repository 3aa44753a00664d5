-- Expected ARR of expansion under each scenario, and how it moves when one input moves (one-at-a-
-- time sensitivity). One row per cohort, scenario, input and direction.
with

scores as (
    select * from {{ ref('fct_expansion_scores') }}
    where status = 'scored'
),

arr_scenarios as (
    select * from {{ ref('arr_scenarios') }}
),

arr_scenario_steps as (
    select * from {{ ref('arr_scenario_steps') }}
),

arr_scenario_cohorts as (
    select * from {{ ref('arr_scenario_cohorts') }}
),

scores_by_segment as (
    select scores.*, segment as cohort_segment from scores
    union all
    select scores.*, 'all' as cohort_segment from scores
),

scores_by_band as (
    select scores_by_segment.*, band as cohort_band from scores_by_segment
    union all
    select scores_by_segment.*, 'all' as cohort_band from scores_by_segment
),

own_cohorts as (
    select
        'observed' as cohort_kind,
        cohort_segment || ', ' || cohort_band as cohort,
        cohort_segment as segment,
        cohort_band as band,
        cast(count(*) as bigint) as accounts,
        {{ ratio('sum(arr)', 'count(*)') }} as arr_per_account,
        cast(sum(expected_arr) as decimal(18, 2)) as expected_arr
    from scores_by_band
    group by cohort_segment, cohort_band
),

cohorts as (
    select * from own_cohorts
    union all
    select
        'given' as cohort_kind,
        cohort,
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as band,
        accounts,
        cast(arr_per_account as decimal(18, 6)) as arr_per_account,
        cast(null as decimal(18, 2)) as expected_arr
    from arr_scenario_cohorts
),

variations as (
    select
        'none' as varied_input,
        'base' as variation,
        cast(0 as decimal(9, 4)) as step
    union all
    select
        input as varied_input,
        'down' as variation,
        -step as step
    from arr_scenario_steps
    union all
    select
        input as varied_input,
        'up' as variation,
        step
    from arr_scenario_steps
),

scenario_steps as (
    select
        cohorts.*,
        arr_scenarios.scenario,
        variations.varied_input,
        variations.variation,
        arr_scenarios.conversion_rate,
        arr_scenarios.expansion_multiple,
        arr_scenarios.net_factor,
        case when variations.varied_input = 'conversion_rate' then variations.step else 0 end
            as conversion_step,
        case when variations.varied_input = 'expansion_multiple' then variations.step else 0 end
            as multiple_step,
        case when variations.varied_input = 'net_factor' then variations.step else 0 end
            as net_step
    from cohorts
    cross join arr_scenarios
    cross join variations
),

scenario_inputs as (
    select
        cohort_kind,
        cohort,
        segment,
        band,
        accounts,
        arr_per_account,
        expected_arr,
        scenario,
        varied_input,
        variation,
        cast(least(greatest(conversion_rate + conversion_step, 0), 1) as decimal(9, 4))
            as conversion_rate,
        cast(greatest(expansion_multiple + multiple_step, 1) as decimal(9, 4))
            as expansion_multiple,
        cast(least(greatest(net_factor + net_step, 0), 1) as decimal(9, 4)) as net_factor
    from scenario_steps
),

scenario_results as (
    select
        cohort_kind || '|' || cohort || '|' || scenario || '|' || varied_input || '|' || variation
            as scenario_key,
        scenario_inputs.*,
        {{ round_half_up('accounts * ' ~ as_double('conversion_rate'), 4) }} as expanding_accounts,
        {{ round_half_up(
            'accounts * ' ~ as_double('conversion_rate') ~ ' * ' ~ as_double('arr_per_account')
            ~ ' * ' ~ as_double('expansion_multiple - 1'), 2
        ) }} as gross_arr,
        {{ round_half_up(
            'accounts * ' ~ as_double('conversion_rate') ~ ' * ' ~ as_double('arr_per_account')
            ~ ' * ' ~ as_double('expansion_multiple - 1') ~ ' * ' ~ as_double('net_factor'), 2
        ) }} as net_arr
    from scenario_inputs
),

scenarios as (
    select
        scenario_key,
        cohort_kind,
        cohort,
        segment,
        band,
        scenario,
        varied_input,
        variation,
        accounts,
        arr_per_account,
        conversion_rate,
        expansion_multiple,
        net_factor,
        expanding_accounts,
        gross_arr,
        net_arr,
        cast(
            net_arr - max(case when variation = 'base' then net_arr end) over (
                partition by cohort_kind, cohort, scenario
            ) as decimal(18, 2)
        ) as change_from_base,
        expected_arr
    from scenario_results
)

select * from scenarios
