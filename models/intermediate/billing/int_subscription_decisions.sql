-- Decisions on subscriptions (started, changed, renewed, cancelled) with omitted values filled from
-- earlier ones. One row per subscription and decision, numbered in business order.
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

-- Running counts: seats, usage and cap carry over within a start, the end of term within a renewal.
numbered_decisions as (
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

-- What a change omits stays as it was. A renewal that names no end of term has none.
full_values as (
    select
        numbered_decisions.*,
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
    from numbered_decisions
),

subscription_decisions as (
    select
        full_values.document,
        full_values.subscription_id,
        full_values.account_id,
        full_values.decision_number,
        full_values.event_type,
        full_values.is_terms,
        full_values.decided_on,
        full_values.first_on,
        case when full_values.is_terms then full_values.known_term_ends_on end as term_ends_on,
        case when full_values.is_terms then full_values.known_seats end as seats,
        case when full_values.is_terms then full_values.known_usage_cap end as usage_cap,
        {{ round_half_up(
            '12 * ' ~ as_double('full_values.mrr')
            ~ ' * exchange_rates.rate_to_reporting_currency', 2
        ) }} as arr,
        case
            when full_values.is_terms
                then
                    {{ round_half_up(
                        '12 * ' ~ as_double('full_values.known_variable_mrr')
                        ~ ' * exchange_rates.rate_to_reporting_currency', 2
                    ) }}
        end as variable_revenue_annual,
        full_values.mrr,
        full_values.currency,
        full_values.event_id
    from full_values
    left join exchange_rates
        on full_values.currency = exchange_rates.currency
)

select * from subscription_decisions
