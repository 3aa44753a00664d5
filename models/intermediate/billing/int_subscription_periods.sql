with

subscriptions as (
    select * from {{ ref('stg_billing__subscriptions') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

states as (
    select
        account_id,
        subscription_id,
        event_type <> 'subscription_cancelled' as is_active,
        case
            when event_type = 'subscription_cancelled' then effective_on
            else cast(occurred_at as date)
        end as starts_on,
        term_ends_on,
        seats,
        mrr,
        currency,
        usage_cap,
        occurred_at,
        loaded_at,
        event_id
    from subscriptions
),

last_of_day as (
    select
        states.*,
        row_number() over (
            partition by subscription_id, starts_on
            order by occurred_at desc, loaded_at desc, event_id desc
        ) as recency
    from states
),

bounded as (
    select
        last_of_day.*,
        lead(starts_on) over (partition by subscription_id order by starts_on) as ends_on
    from last_of_day
    where recency = 1
),

periods as (
    select
        bounded.account_id,
        bounded.subscription_id,
        bounded.starts_on,
        bounded.ends_on,
        bounded.term_ends_on,
        bounded.seats,
        bounded.usage_cap,
        {{ round_half_up(
            '12 * ' ~ as_double('bounded.mrr') ~ ' * exchange_rates.rate_to_reporting_currency', 2
        ) }} as arr
    from bounded
    inner join exchange_rates
        on bounded.currency = exchange_rates.currency
    where bounded.is_active
)

select * from periods
