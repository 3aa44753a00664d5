-- Terms of a subscription as all later decisions and cancellations leave them. One row per
-- subscription and half-open interval [starts_on, ends_on) on which the terms hold.
{%- set later %}over (
            partition by document order by decision_number desc
            rows between unbounded preceding and 1 preceding
        ){% endset %}
{%- set never = "cast('9999-12-31' as date)" %}
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

billing_settings as (
    select * from {{ ref('billing_settings') }}
),

decisions as (
    select * from {{ ref('int_subscription_decisions') }}
),

-- The earliest days that later decisions on the same subscription name.
decisions_with_later_ones as (
    select
        decisions.*,
        min(case when is_terms then first_on end) {{ later }} as later_terms_on,
        min(case when not is_terms then first_on end) {{ later }} as later_end_on,
        min(case when not is_terms then decided_on end) {{ later }} as later_cancelled_on
    from decisions
),

-- A cancellation removes terms decided before it whose first day is its own or later. It is itself
-- removed by later terms that begin by its first day, or by another cancellation made before that
-- day.
standing_decisions as (
    select
        decisions_with_later_ones.*,
        lead(first_on) over (
            partition by document order by first_on, decision_number
        ) as ends_on
    from decisions_with_later_ones
    where
        (is_terms and coalesce(later_end_on > first_on, true))
        or (
            not is_terms
            and coalesce(later_terms_on > first_on, true)
            and coalesce(later_cancelled_on >= first_on, true)
        )
),

-- Decisions that hold for at least a day, with what follows. lag finds where a new term begins.
held_decisions as (
    select
        standing_decisions.*,
        lead(is_terms) over (
            partition by document order by first_on, decision_number
        ) as is_followed_by_terms,
        lead(event_id) over (
            partition by document order by first_on, decision_number
        ) as end_event_id,
        lead(case when not is_terms then decided_on end) over (
            partition by document order by first_on, decision_number
        ) as cancelled_on,
        case
            when
                lag(term_ends_on) over (
                    partition by document order by first_on, decision_number
                ) = term_ends_on
                then 0
            else 1
        end as begins_term
    from standing_decisions
    where coalesce(ends_on > first_on, true)
),

-- Gaps and islands: neighbours with the same term_ends_on are one term.
numbered_decisions as (
    select
        held_decisions.*,
        sum(begins_term) over (
            partition by document order by first_on, decision_number
        ) as term_number
    from held_decisions
),

whole_terms as (
    select
        numbered_decisions.*,
        min(first_on) over (partition by document, term_number) as term_starts_on,
        max(coalesce(ends_on, {{ never }})) over (
            partition by document, term_number
        ) as term_held_until,
        max(cancelled_on) over (partition by document, term_number) as term_cancelled_on
    from numbered_decisions
    where is_terms
),

-- A term lapses on the day after its end if no new term and no cancellation came by the end of
-- its days of grace.
terms as (
    select
        whole_terms.document,
        whole_terms.subscription_id,
        whole_terms.account_id,
        whole_terms.decision_number,
        whole_terms.event_type,
        whole_terms.decided_on,
        whole_terms.term_number,
        whole_terms.first_on as starts_on,
        whole_terms.ends_on,
        case
            when whole_terms.term_ends_on >= whole_terms.term_starts_on
                then whole_terms.term_ends_on
        end as term_ends_on,
        case
            when
                whole_terms.term_ends_on >= whole_terms.term_starts_on
                and {{ add_days(
                    'whole_terms.term_ends_on', '1 + billing_settings.lapse_grace_days'
                ) }} < whole_terms.term_held_until
                and {{ add_days(
                    'whole_terms.term_ends_on', 'billing_settings.lapse_grace_days'
                ) }} < least(
                    coalesce(whole_terms.term_cancelled_on, {{ never }}), build_moment.as_of
                )
                then {{ add_days('whole_terms.term_ends_on', 1) }}
        end as lapsed_on,
        case
            when
                whole_terms.later_cancelled_on < coalesce(whole_terms.ends_on, {{ never }})
                then whole_terms.later_cancelled_on
        end as notice_on,
        coalesce(not whole_terms.is_followed_by_terms, false) as is_cancelled,
        case
            when not whole_terms.is_followed_by_terms then whole_terms.end_event_id
        end as cancellation_id,
        whole_terms.seats,
        whole_terms.usage_cap,
        whole_terms.arr,
        whole_terms.variable_revenue_annual,
        whole_terms.mrr,
        whole_terms.currency
    from whole_terms
    cross join billing_settings
    cross join build_moment
)

select * from terms
