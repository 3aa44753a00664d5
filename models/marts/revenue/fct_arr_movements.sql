-- What each account's ARR did in each month. One row per account and month from its first ARR on.
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

billing_signals as (
    select * from {{ ref('int_billing_signals') }}
),

billing_settings as (
    select * from {{ ref('billing_settings') }}
),

-- The ARR at the end of a month is also that at the start of the next: one row for either edge.
month_edges as (
    select
        account_id,
        month_number,
        cast(0 as decimal(18, 2)) as start_arr,
        arr as end_arr,
        cast(0 as decimal(18, 2)) as reported_start_arr,
        reported_arr as reported_end_arr,
        variable_revenue_annual,
        0 as start_terms,
        1 as end_terms
    from arr_months
    union all
    select
        account_id,
        month_number + 1 as month_number,
        arr as start_arr,
        cast(0 as decimal(18, 2)) as end_arr,
        reported_arr as reported_start_arr,
        cast(0 as decimal(18, 2)) as reported_end_arr,
        cast(null as decimal(18, 2)) as variable_revenue_annual,
        1 as start_terms,
        0 as end_terms
    from arr_months
),

account_months as (
    select
        account_id,
        month_number,
        cast(sum(start_arr) as decimal(18, 2)) as start_arr,
        cast(sum(end_arr) as decimal(18, 2)) as end_arr,
        cast(sum(reported_start_arr) as decimal(18, 2)) as reported_start_arr,
        cast(sum(reported_end_arr) as decimal(18, 2)) as reported_end_arr,
        cast(sum(variable_revenue_annual) as decimal(18, 2)) as variable_revenue_annual,
        sum(start_terms) as start_terms,
        sum(end_terms) as end_terms
    from month_edges
    group by account_id, month_number
),

-- Months without ARR before the first ARR are left out; after it they are a pause.
account_months_with_first as (
    select
        account_months.*,
        min(case when end_arr <> 0 then month_number end) over (
            partition by account_id
        ) as first_month_number
    from account_months
),

moves as (
    select
        account_months_with_first.*,
        case
            when month_number = first_month_number then 'new'
            when start_terms = 0 then 'reactivation'
            when end_terms = 0 then 'churn'
            when end_arr > start_arr then 'expansion'
            when end_arr < start_arr then 'contraction'
            else 'unchanged'
        end as movement
    from account_months_with_first
    where month_number >= first_month_number
),

movements as (
    select
        moves.account_id,
        months.month_start,
        months.month_end,
        months.is_complete,
        accounts.segment,
        accounts.product_category,
        first_months.month_start as cohort_month,
        moves.month_number - moves.first_month_number as months_since_first,
        moves.movement,
        moves.start_arr,
        cast(case when moves.movement = 'new' then moves.end_arr else 0 end as decimal(18, 2))
            as new_arr,
        cast(
            case when moves.movement = 'reactivation' then moves.end_arr else 0 end
            as decimal(18, 2)
        ) as reactivation_arr,
        cast(
            case when moves.movement = 'expansion' then moves.end_arr - moves.start_arr else 0 end
            as decimal(18, 2)
        ) as expansion_arr,
        cast(
            case when moves.movement = 'contraction' then moves.start_arr - moves.end_arr else 0 end
            as decimal(18, 2)
        ) as contraction_arr,
        cast(case when moves.movement = 'churn' then moves.start_arr else 0 end as decimal(18, 2))
            as churned_arr,
        moves.end_arr,
        moves.reported_start_arr,
        cast(
            moves.reported_end_arr - moves.reported_start_arr - (moves.end_arr - moves.start_arr)
            as decimal(18, 2)
        ) as fx_arr,
        moves.reported_end_arr,
        cast(
            case
                when billing_signals.days_overdue > billing_settings.unpaid_after_days
                    then moves.end_arr
                else 0
            end as decimal(18, 2)
        ) as unpaid_arr,
        cast(
            case
                when billing_signals.days_overdue > billing_settings.long_unpaid_after_days
                    then moves.end_arr
                else 0
            end as decimal(18, 2)
        ) as long_unpaid_arr,
        moves.variable_revenue_annual
    from moves
    cross join billing_settings
    inner join accounts
        on moves.account_id = accounts.account_id
    inner join months
        on moves.month_number = months.month_number
    inner join months as first_months
        on moves.first_month_number = first_months.month_number
    left join billing_signals
        on
            moves.account_id = billing_signals.account_id
            and months.month_end = billing_signals.date_day
)

select * from movements
