-- ARR at the start and end of each month and the movements between them. One row per segment and
-- month.
with

movements as (
    select * from {{ ref('fct_arr_movements') }}
),

movements_by_segment as (
    select movements.*, segment as cohort_segment from movements
    union all
    select movements.*, 'all' as cohort_segment from movements
),

waterfall as (
    select
        cohort_segment || '|' || cast(month_start as {{ dbt.type_string() }}) as waterfall_key,
        month_start,
        month_end,
        is_complete,
        cohort_segment as segment,
        cast(sum(start_arr) as decimal(18, 2)) as start_arr,
        cast(sum(new_arr) as decimal(18, 2)) as new_arr,
        cast(sum(reactivation_arr) as decimal(18, 2)) as reactivation_arr,
        cast(sum(expansion_arr) as decimal(18, 2)) as expansion_arr,
        cast(sum(contraction_arr) as decimal(18, 2)) as contraction_arr,
        cast(sum(churned_arr) as decimal(18, 2)) as churned_arr,
        cast(sum(end_arr) as decimal(18, 2)) as end_arr,
        cast(sum(reported_start_arr) as decimal(18, 2)) as reported_start_arr,
        cast(sum(fx_arr) as decimal(18, 2)) as fx_arr,
        cast(sum(reported_end_arr) as decimal(18, 2)) as reported_end_arr,
        cast(sum(unpaid_arr) as decimal(18, 2)) as unpaid_arr,
        cast(sum(long_unpaid_arr) as decimal(18, 2)) as long_unpaid_arr,
        cast(sum(variable_revenue_annual) as decimal(18, 2)) as variable_revenue_annual,
        cast(
            sum(case when movement in ('new', 'reactivation') then 0 else 1 end) as bigint
        ) as start_accounts,
        cast(sum(case when movement = 'new' then 1 else 0 end) as bigint) as new_accounts,
        cast(sum(case when movement = 'reactivation' then 1 else 0 end) as bigint)
            as reactivated_accounts,
        cast(sum(case when movement = 'churn' then 1 else 0 end) as bigint) as churned_accounts,
        cast(sum(case when movement = 'churn' then 0 else 1 end) as bigint) as end_accounts,
        {{ ratio(
            'sum(end_arr)', "sum(case when movement = 'churn' then 0 else 1 end)"
        ) }} as arpa_annual
    from movements_by_segment
    group by cohort_segment, month_start, month_end, is_complete
)

select * from waterfall
