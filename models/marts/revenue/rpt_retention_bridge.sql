-- How the ARR waterfall summed over a window leads to the retention of the same window. One row per
-- segment, cohort, window and month.
with

movements as (
    select * from {{ ref('fct_arr_movements') }}
),

arr_months as (
    select * from {{ ref('int_arr_months') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

retention_windows as (
    select * from {{ ref('retention_windows') }}
),

retention as (
    select * from {{ ref('rpt_revenue_retention') }}
),

monthly_arr as (
    select
        movements.account_id,
        movements.segment,
        cast(movements.cohort_month as {{ dbt.type_string() }}) as cohort,
        months.month_number,
        movements.end_arr,
        movements.new_arr + movements.reactivation_arr + movements.expansion_arr as gained_arr,
        movements.contraction_arr + movements.churned_arr as lost_arr
    from movements
    inner join months
        on movements.month_start = months.month_start
),

account_windows as (
    select
        monthly_arr.account_id,
        monthly_arr.segment,
        monthly_arr.cohort,
        retention_windows.window_months,
        ends.month_number,
        sum(monthly_arr.gained_arr) as gained_arr,
        sum(monthly_arr.lost_arr) as lost_arr
    from monthly_arr
    cross join retention_windows
    inner join months as ends
        on
            monthly_arr.month_number <= ends.month_number
            and monthly_arr.month_number > ends.month_number - retention_windows.window_months
    where monthly_arr.gained_arr <> 0 or monthly_arr.lost_arr <> 0
    group by
        monthly_arr.account_id,
        monthly_arr.segment,
        monthly_arr.cohort,
        retention_windows.window_months,
        ends.month_number
),

-- Retention compares the ends of a window, so ARR lost and won back within it nets to zero.
-- Accounts without ARR at its start are not part of the retention.
windows_with_netting as (
    select
        account_windows.*,
        case
            when starts.arr > 0 then least(account_windows.gained_arr, account_windows.lost_arr)
            else 0
        end as netted_arr,
        case when starts.arr > 0 then 0 else account_windows.gained_arr end as others_gained_arr,
        case when starts.arr > 0 then 0 else account_windows.lost_arr end as others_lost_arr
    from account_windows
    left join arr_months as starts
        on
            account_windows.account_id = starts.account_id
            and account_windows.month_number - account_windows.window_months = starts.month_number
),

windows_by_segment as (
    select windows_with_netting.*, segment as cohort_segment from windows_with_netting
    union all
    select windows_with_netting.*, 'all' as cohort_segment from windows_with_netting
),

windows_by_cohort as (
    select windows_by_segment.*, cohort as cohort_name from windows_by_segment
    union all
    select windows_by_segment.*, 'all' as cohort_name from windows_by_segment
),

window_totals as (
    select
        cohort_segment,
        cohort_name,
        window_months,
        month_number,
        sum(gained_arr) as gained_arr,
        sum(lost_arr) as lost_arr,
        sum(netted_arr) as netted_arr,
        sum(others_gained_arr) as others_gained_arr,
        sum(others_lost_arr) as others_lost_arr
    from windows_by_cohort
    group by cohort_segment, cohort_name, window_months, month_number
),

monthly_arr_by_segment as (
    select monthly_arr.*, segment as cohort_segment from monthly_arr
    union all
    select monthly_arr.*, 'all' as cohort_segment from monthly_arr
),

monthly_arr_by_cohort as (
    select monthly_arr_by_segment.*, cohort as cohort_name from monthly_arr_by_segment
    union all
    select monthly_arr_by_segment.*, 'all' as cohort_name from monthly_arr_by_segment
),

month_totals as (
    select
        cohort_segment,
        cohort_name,
        month_number,
        sum(end_arr) as end_arr
    from monthly_arr_by_cohort
    group by cohort_segment, cohort_name, month_number
),

bridge as (
    select
        retention.retention_key,
        retention.segment,
        retention.cohort,
        retention.window_months,
        retention.month_start,
        retention.is_complete,
        cast(coalesce(starts.end_arr, 0) as decimal(18, 2)) as waterfall_start_arr,
        cast(coalesce(starts.end_arr, 0) - retention.start_arr as decimal(18, 2))
            as others_start_arr,
        retention.start_arr,
        {%- for column in ('gained_arr', 'lost_arr') %}
        cast(coalesce(window_totals.{{ column }}, 0) as decimal(18, 2)) as waterfall_{{ column }},
        cast(coalesce(window_totals.others_{{ column }}, 0) as decimal(18, 2))
            as others_{{ column }},
        {%- endfor %}
        cast(coalesce(window_totals.netted_arr, 0) as decimal(18, 2)) as netted_arr,
        retention.expansion_arr,
        cast(retention.start_arr - retention.kept_arr as decimal(18, 2)) as lost_arr,
        retention.end_arr,
        cast(coalesce(ends.end_arr, 0) - retention.end_arr as decimal(18, 2)) as others_end_arr,
        cast(coalesce(ends.end_arr, 0) as decimal(18, 2)) as waterfall_end_arr
    from retention
    inner join months
        on retention.month_start = months.month_start
    left join window_totals
        on
            retention.segment = window_totals.cohort_segment
            and retention.cohort = window_totals.cohort_name
            and retention.window_months = window_totals.window_months
            and months.month_number = window_totals.month_number
    left join month_totals as starts
        on
            retention.segment = starts.cohort_segment
            and retention.cohort = starts.cohort_name
            and months.month_number - retention.window_months = starts.month_number
    left join month_totals as ends
        on
            retention.segment = ends.cohort_segment
            and retention.cohort = ends.cohort_name
            and months.month_number = ends.month_number
)

select * from bridge
