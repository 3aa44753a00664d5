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
        event_type <> 'subscription_cancelled' as is_terms,
        cast(occurred_at as date) as decided_on,
        effective_on,
        coalesce(effective_on, cast('9999-12-31' as date)) as effective_to,
        least(
            cast(occurred_at as date), coalesce(effective_on, cast(occurred_at as date))
        ) as first_on,
        term_ends_on,
        seats,
        mrr,
        currency,
        usage_cap,
        row_number() over (
            partition by document order by {{ in_business_order() }}
        ) as decision_number
    from subscriptions
),

-- A decision replaces all earlier ones from its first day on, so each speaks until the smallest
-- first day of those after it.
replaced as (
    select
        decisions.*,
        coalesce(
            min(first_on) over (
                partition by document order by decision_number desc
                rows between unbounded preceding and 1 preceding
            ), cast('9999-12-31' as date)
        ) as replaced_to,
        sum(case when is_terms then 1 else 0 end) over (
            partition by document order by decision_number
        ) as terms_number,
        lag(effective_on) over (
            partition by document order by decision_number
        ) as left_on
    from decisions
),

-- A cancellation leaves the terms before it, or before the cancellations that it moves, unless one
-- of these had ended them by then.
standing as (
    select
        replaced.*,
        sum(case when not is_terms and left_on <= decided_on then 1 else 0 end) over (
            partition by document, terms_number order by decision_number
        ) = 0 as has_terms
    from replaced
    where terms_number > 0
),

-- What terms and their cancellations leave of them has no gap, so its latest end is its end.
ended as (
    select
        standing.*,
        max(case when has_terms then least(effective_to, replaced_to) end) over (
            partition by document, terms_number
        ) as ends_on,
        min(case when has_terms and not is_terms then decided_on end) over (
            partition by document, terms_number
        ) as notice_on
    from standing
),

terms as (
    select
        ended.*,
        max(case when ends_on > decided_on then 1 else 0 end) over (
            partition by document
        ) as has_held
    from ended
    where is_terms
),

periods as (
    select
        terms.account_id,
        terms.document,
        terms.subscription_id,
        terms.decided_on as starts_on,
        case
            when terms.has_held = 0 then terms.decided_on
            else nullif(terms.ends_on, cast('9999-12-31' as date))
        end as ends_on,
        terms.term_ends_on,
        terms.notice_on,
        terms.seats,
        terms.usage_cap,
        {{ round_half_up(
            '12 * ' ~ as_double('terms.mrr') ~ ' * exchange_rates.rate_to_reporting_currency', 2
        ) }} as arr
    from terms
    inner join exchange_rates
        on terms.currency = exchange_rates.currency
    where terms.ends_on > terms.decided_on or (terms.has_held = 0 and terms.terms_number = 1)
)

select * from periods
