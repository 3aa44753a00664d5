with

accounts as (
    select * from {{ ref('int_accounts') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

arr_months as (
    select
        subscription_periods.account_id,
        months.month_number,
        cast(sum(subscription_periods.arr) as decimal(18, 2)) as arr
    from subscription_periods
    inner join accounts
        on subscription_periods.account_id = accounts.account_id
    inner join months
        on
            subscription_periods.starts_on <= months.month_end
            and coalesce(subscription_periods.ends_on > months.month_end, true)
    group by subscription_periods.account_id, months.month_number
)

select * from arr_months
