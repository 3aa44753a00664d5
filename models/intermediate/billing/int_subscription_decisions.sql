with

subscriptions as (
    select * from {{ ref('stg_billing__subscriptions') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

decisions as (
    select
        document,
        subscription_id,
        account_id,
        event_type,
        event_type <> 'subscription_cancelled' as is_terms,
        {{ day_of('occurred_at') }} as decided_on,
        coalesce(effective_on, {{ day_of('occurred_at') }}) as first_on,
        term_ends_on,
        seats,
        mrr,
        variable_mrr,
        currency,
        usage_cap,
        event_id,
        row_number() over (
            partition by document order by {{ in_business_order() }}
        ) as decision_number
    from subscriptions
),

numbered as (
    select
        decisions.*,
        sum(case when event_type = 'subscription_started' then 1 else 0 end) over (
            partition by document order by decision_number
        ) as start_number,
        sum(
            case
                when event_type in ('subscription_started', 'subscription_renewed') then 1
                else 0
            end
        ) over (partition by document order by decision_number) as term_number
    from decisions
),

-- A change says what is different: what it omits stays. A renewal without an end has none.
known as (
    select
        numbered.*,
        {{ last_known('seats') }} over (
            partition by document, start_number order by decision_number
        ) as known_seats,
        {{ last_known('variable_mrr') }} over (
            partition by document, start_number order by decision_number
        ) as known_variable_mrr,
        {{ last_known('usage_cap') }} over (
            partition by document, start_number order by decision_number
        ) as known_usage_cap,
        {{ last_known('case when term_ends_on >= first_on then term_ends_on end') }} over (
            partition by document, term_number order by decision_number
        ) as known_term_ends_on
    from numbered
),

subscription_decisions as (
    select
        known.document,
        known.subscription_id,
        known.account_id,
        known.decision_number,
        known.event_type,
        known.is_terms,
        known.decided_on,
        known.first_on,
        case when known.is_terms then known.known_term_ends_on end as term_ends_on,
        case when known.is_terms then known.known_seats end as seats,
        case when known.is_terms then known.known_usage_cap end as usage_cap,
        {{ round_half_up(
            '12 * ' ~ as_double('known.mrr') ~ ' * exchange_rates.rate_to_reporting_currency', 2
        ) }} as arr,
        case
            when known.is_terms
                then
                    {{ round_half_up(
                        '12 * ' ~ as_double('known.known_variable_mrr')
                        ~ ' * exchange_rates.rate_to_reporting_currency', 2
                    ) }}
        end as variable_revenue_annual,
        known.mrr,
        known.currency,
        known.event_id
    from known
    left join exchange_rates
        on known.currency = exchange_rates.currency
)

select * from subscription_decisions
