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

numbered as (
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
        numbered.account_id,
        numbered.segment,
        numbered.cohort,
        retention_windows.window_months,
        ends.month_number,
        sum(numbered.gained_arr) as gained_arr,
        sum(numbered.lost_arr) as lost_arr
    from numbered
    cross join retention_windows
    inner join months as ends
        on
            numbered.month_number <= ends.month_number
            and numbered.month_number > ends.month_number - retention_windows.window_months
    where numbered.gained_arr <> 0 or numbered.lost_arr <> 0
    group by
        numbered.account_id,
        numbered.segment,
        numbered.cohort,
        retention_windows.window_months,
        ends.month_number
),

-- What an account of the retention's cohort lost and won back within the window, it kept.
judged as (
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

judged_by_segment as (
    select judged.*, segment as cohort_segment from judged
    union all
    select judged.*, 'all' as cohort_segment from judged
),

judged_by_cohort as (
    select judged_by_segment.*, cohort as cohort_name from judged_by_segment
    union all
    select judged_by_segment.*, 'all' as cohort_name from judged_by_segment
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
    from judged_by_cohort
    group by cohort_segment, cohort_name, window_months, month_number
),

numbered_by_segment as (
    select numbered.*, segment as cohort_segment from numbered
    union all
    select numbered.*, 'all' as cohort_segment from numbered
),

numbered_by_cohort as (
    select numbered_by_segment.*, cohort as cohort_name from numbered_by_segment
    union all
    select numbered_by_segment.*, 'all' as cohort_name from numbered_by_segment
),

month_totals as (
    select
        cohort_segment,
        cohort_name,
        month_number,
        sum(end_arr) as end_arr
    from numbered_by_cohort
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
