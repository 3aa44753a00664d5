{%- set churned = '(churned_accounts - completed_accounts)' -%}
{%- set at_risk = '(start_accounts - completed_accounts)' -%}

-- Net and gross revenue retention and churn over windows that end in each month. One row per
-- segment, cohort, window and month.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
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

completions as (
    select * from {{ ref('int_account_completions') }}
),

first_months as (
    select
        account_id,
        min(month_number) as month_number
    from arr_months
    where arr <> 0
    group by account_id
),

windows as (
    select
        arr_months.account_id,
        accounts.segment,
        cohorts.month_start as cohort_month,
        retention_windows.window_months,
        ends.month_start,
        ends.month_end,
        ends.is_complete,
        {{ days_between('starts.month_end', 'ends.month_end') }} as window_days,
        arr_months.arr as start_arr,
        coalesce(later.arr, 0) as end_arr,
        later.account_id is null as has_churned,
        later.account_id is null and completions.account_id is not null as has_completed
    from arr_months
    inner join accounts
        on arr_months.account_id = accounts.account_id
    inner join first_months
        on arr_months.account_id = first_months.account_id
    inner join months as cohorts
        on first_months.month_number = cohorts.month_number
    inner join months as starts
        on arr_months.month_number = starts.month_number
    cross join retention_windows
    inner join months as ends
        on arr_months.month_number + retention_windows.window_months = ends.month_number
    left join arr_months as later
        on
            arr_months.account_id = later.account_id
            and ends.month_number = later.month_number
    left join completions
        on
            arr_months.account_id = completions.account_id
            and ends.month_end >= completions.completed_on
            and coalesce(ends.month_end < completions.returned_on, true)
    where arr_months.arr > 0
),

windows_by_segment as (
    select windows.*, segment as cohort_segment from windows
    union all
    select windows.*, 'all' as cohort_segment from windows
),

windows_by_cohort as (
    select
        windows_by_segment.*,
        cast(cohort_month as {{ dbt.type_string() }}) as cohort
    from windows_by_segment
    union all
    select
        windows_by_segment.*,
        'all' as cohort
    from windows_by_segment
),

totals as (
    select
        cohort_segment as segment,
        cohort,
        window_months,
        month_start,
        month_end,
        is_complete,
        max(window_days) as window_days,
        cast(count(*) as bigint) as start_accounts,
        cast(sum(case when has_churned then 1 else 0 end) as bigint) as churned_accounts,
        cast(sum(case when has_completed then 1 else 0 end) as bigint) as completed_accounts,
        cast(sum(start_arr) as decimal(18, 2)) as start_arr,
        cast(sum(end_arr) as decimal(18, 2)) as end_arr,
        cast(sum(least(start_arr, end_arr)) as decimal(18, 2)) as kept_arr,
        cast(sum(case when has_churned then start_arr else 0 end) as decimal(18, 2)) as churned_arr
    from windows_by_cohort
    group by cohort_segment, cohort, window_months, month_start, month_end, is_complete
),

retention as (
    select
        segment || '|' || cohort || '|' || cast(window_months as {{ dbt.type_string() }})
        || '|' || cast(month_start as {{ dbt.type_string() }}) as retention_key,
        segment,
        cohort,
        window_months,
        month_start,
        month_end,
        is_complete,
        start_accounts,
        churned_accounts,
        completed_accounts,
        start_arr,
        cast(end_arr - kept_arr as decimal(18, 2)) as expansion_arr,
        cast(start_arr - kept_arr - churned_arr as decimal(18, 2)) as contraction_arr,
        churned_arr,
        end_arr,
        kept_arr,
        {{ ratio('end_arr', 'start_arr') }} as net_retention,
        {{ ratio('kept_arr', 'start_arr') }} as gross_retention,
        {{ ratio('start_arr', 'start_accounts') }} as start_arpa_annual,
        {{ ratio('end_arr', 'start_accounts - churned_accounts') }} as end_arpa_annual,
        {{ ratio(churned, at_risk) }} as logo_churn,
        {{ ratio('start_arr - kept_arr', 'start_arr') }} as gross_arr_churn,
        {{ ratio('churned_arr', 'start_arr') }} as cancelled_arr_share,
        {{ ratio('start_arr - kept_arr - churned_arr', 'start_arr') }} as contracted_arr_share,
        case
            when is_complete
                then
                    {{ round_half_up(
                        '1 - power(1 - ' ~ as_double(churned) ~ ' / nullif(' ~ at_risk ~ ', 0), '
                        ~ as_double('365') ~ ' / window_days)', 6
                    ) }}
        end as annual_logo_churn,
        case
            when is_complete
                then
                    {{ round_half_up(
                        '1 - power(1 - ' ~ as_double('churned_arr') ~ ' / '
                        ~ as_double('start_arr') ~ ', ' ~ as_double('365') ~ ' / window_days)', 6
                    ) }}
        end as annual_cancelled_arr_share
    from totals
)

select * from retention
