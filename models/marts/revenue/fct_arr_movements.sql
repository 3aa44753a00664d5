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

edges as (
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
    from edges
    group by account_id, month_number
),

-- Terms without ARR before the first ARR are no revenue yet; after it they are a pause.
account_months_with_first as (
    select
        account_months.*,
        min(case when end_arr <> 0 then month_number end) over (
            partition by account_id
        ) as first_month_number
    from account_months
),

named as (
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
        named.account_id,
        months.month_start,
        months.month_end,
        months.is_complete,
        accounts.segment,
        accounts.product_category,
        first_months.month_start as cohort_month,
        named.month_number - named.first_month_number as months_since_first,
        named.movement,
        named.start_arr,
        cast(case when named.movement = 'new' then named.end_arr else 0 end as decimal(18, 2))
            as new_arr,
        cast(
            case when named.movement = 'reactivation' then named.end_arr else 0 end
            as decimal(18, 2)
        ) as reactivation_arr,
        cast(
            case when named.movement = 'expansion' then named.end_arr - named.start_arr else 0 end
            as decimal(18, 2)
        ) as expansion_arr,
        cast(
            case when named.movement = 'contraction' then named.start_arr - named.end_arr else 0 end
            as decimal(18, 2)
        ) as contraction_arr,
        cast(case when named.movement = 'churn' then named.start_arr else 0 end as decimal(18, 2))
            as churned_arr,
        named.end_arr,
        named.reported_start_arr,
        cast(
            named.reported_end_arr - named.reported_start_arr - (named.end_arr - named.start_arr)
            as decimal(18, 2)
        ) as fx_arr,
        named.reported_end_arr,
        cast(
            case
                when billing_signals.days_overdue > billing_settings.unpaid_after_days
                    then named.end_arr
                else 0
            end as decimal(18, 2)
        ) as unpaid_arr,
        cast(
            case
                when billing_signals.days_overdue > billing_settings.long_unpaid_after_days
                    then named.end_arr
                else 0
            end as decimal(18, 2)
        ) as long_unpaid_arr,
        named.variable_revenue_annual
    from named
    cross join billing_settings
    inner join accounts
        on named.account_id = accounts.account_id
    inner join months
        on named.month_number = months.month_number
    inner join months as first_months
        on named.first_month_number = first_months.month_number
    left join billing_signals
        on
            named.account_id = billing_signals.account_id
            and months.month_end = billing_signals.date_day
)

select * from movements
