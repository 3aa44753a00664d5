-- Days on which terms of a subscription hold, cut off where they lapsed. One row per terms and
-- half-open interval [starts_on, ends_on).
with

decisions as (
    select * from {{ ref('int_subscription_decisions') }}
),

terms as (
    select * from {{ ref('int_subscription_terms') }}
),

first_terms as (
    select
        decisions.*,
        row_number() over (partition by document order by decision_number) as decision_rank
    from decisions
    where is_terms
),

periods as (
    select
        account_id,
        document,
        subscription_id,
        starts_on,
        case
            when lapsed_on < coalesce(ends_on, cast('9999-12-31' as date)) then lapsed_on
            else ends_on
        end as ends_on,
        term_ends_on,
        notice_on,
        seats,
        usage_cap,
        arr,
        variable_revenue_annual,
        mrr,
        currency
    from terms
    where coalesce(starts_on < lapsed_on, true)
    union all
    select
        account_id,
        document,
        subscription_id,
        first_on as starts_on,
        first_on as ends_on,
        term_ends_on,
        cast(null as date) as notice_on,
        seats,
        usage_cap,
        arr,
        variable_revenue_annual,
        mrr,
        currency
    from first_terms
    where
        decision_rank = 1
        and document not in (select terms.document from terms)
)

select * from periods
