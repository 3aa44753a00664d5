-- ARR at the end of each month. One row per account and month at whose end it has terms. Short
-- lapses are bridged: the terms before the lapse count through it.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

billing_settings as (
    select * from {{ ref('billing_settings') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

reported_exchange_rates as (
    select * from {{ ref('reported_exchange_rates') }}
),

month_end_rates as (
    select
        months.month_number,
        reported_exchange_rates.currency,
        reported_exchange_rates.rate_to_reporting_currency,
        row_number() over (
            partition by months.month_number, reported_exchange_rates.currency
            order by reported_exchange_rates.valid_from desc
        ) as recency
    from months
    inner join reported_exchange_rates
        on months.month_end >= reported_exchange_rates.valid_from
),

-- Running maximum: the latest end of all earlier terms. The account had no terms between it and a
-- later start.
period_starts as (
    select
        subscription_periods.account_id,
        subscription_periods.starts_on,
        max(coalesce(subscription_periods.ends_on, cast('9999-12-31' as date))) over (
            partition by subscription_periods.account_id
            order by subscription_periods.starts_on, subscription_periods.document
            rows between unbounded preceding and 1 preceding
        ) as terms_ended_on
    from subscription_periods
    cross join build_moment
    where
        subscription_periods.starts_on <= build_moment.as_of
        and coalesce(subscription_periods.ends_on > subscription_periods.starts_on, true)
),

bridged_lapses as (
    select
        period_starts.account_id,
        period_starts.terms_ended_on,
        period_starts.starts_on as restarts_on
    from period_starts
    cross join billing_settings
    where
        period_starts.terms_ended_on < period_starts.starts_on
        and {{ days_between('period_starts.terms_ended_on', 'period_starts.starts_on') }}
        <= billing_settings.bridged_lapse_days
),

bridged_periods as (
    select
        subscription_periods.account_id,
        subscription_periods.starts_on,
        coalesce(bridged_lapses.restarts_on, subscription_periods.ends_on) as ends_on,
        subscription_periods.arr,
        subscription_periods.variable_revenue_annual,
        subscription_periods.mrr,
        subscription_periods.currency
    from subscription_periods
    left join bridged_lapses
        on
            subscription_periods.account_id = bridged_lapses.account_id
            and subscription_periods.ends_on = bridged_lapses.terms_ended_on
    where coalesce(subscription_periods.ends_on > subscription_periods.starts_on, true)
),

arr_months as (
    select
        bridged_periods.account_id,
        months.month_number,
        cast(sum(bridged_periods.arr) as decimal(18, 2)) as arr,
        cast(sum(bridged_periods.variable_revenue_annual) as decimal(18, 2))
            as variable_revenue_annual,
        cast(
            sum(
                {{ round_half_up(
                    '12 * ' ~ as_double('bridged_periods.mrr') ~ ' * coalesce('
                    ~ 'month_end_rates.rate_to_reporting_currency, '
                    ~ 'exchange_rates.rate_to_reporting_currency)', 2
                ) }}
            ) as decimal(18, 2)
        ) as reported_arr
    from bridged_periods
    inner join accounts
        on bridged_periods.account_id = accounts.account_id
    inner join months
        on
            bridged_periods.starts_on <= months.month_end
            and coalesce(bridged_periods.ends_on > months.month_end, true)
    inner join exchange_rates
        on bridged_periods.currency = exchange_rates.currency
    left join month_end_rates
        on
            months.month_number = month_end_rates.month_number
            and bridged_periods.currency = month_end_rates.currency
            and month_end_rates.recency = 1
    group by bridged_periods.account_id, months.month_number
)

select * from arr_months
