-- The terms of a subscription that were last signed, live or ahead. One row per subscription and
-- half-open interval [signed_from, signed_until) in which one decision was the last.
with

decisions as (
    select * from {{ ref('int_subscription_decisions') }}
),

terms as (
    select * from {{ ref('int_subscription_terms') }}
),

-- The first later cancellation that ends terms before they begin or on their first day.
endings as (
    select
        terms.document,
        terms.decision_number,
        min(cancellations.decision_number) as ended_number
    from decisions as terms
    inner join decisions as cancellations
        on
            terms.document = cancellations.document
            and terms.decision_number < cancellations.decision_number
            and terms.first_on >= cancellations.first_on
    where terms.is_terms and not cancellations.is_terms
    group by terms.document, terms.decision_number
),

stretches as (
    select
        decisions.*,
        lead(decided_on) over (
            partition by document order by decision_number
        ) as next_decided_on
    from decisions
),

-- Candidates are the last decision and terms decided before that begin after it. The ones that
-- begin last are chosen.
candidates as (
    select
        stretches.document,
        stretches.decided_on as signed_from,
        stretches.next_decided_on as signed_until,
        terms.account_id,
        terms.decision_number,
        terms.term_ends_on,
        terms.arr,
        row_number() over (
            partition by stretches.document, stretches.decision_number
            order by terms.first_on desc, terms.decision_number desc
        ) as preference_rank
    from stretches
    inner join decisions as terms
        on
            stretches.document = terms.document
            and stretches.decision_number >= terms.decision_number
            and (
                stretches.decision_number = terms.decision_number
                or stretches.first_on < terms.first_on
            )
    left join endings
        on
            terms.document = endings.document
            and terms.decision_number = endings.decision_number
    where
        stretches.is_terms
        and terms.is_terms
        and coalesce(stretches.next_decided_on > stretches.decided_on, true)
        and coalesce(endings.ended_number > stretches.decision_number, true)
),

signed_terms as (
    select
        candidates.account_id,
        candidates.document,
        candidates.decision_number,
        candidates.signed_from,
        case
            when
                terms.lapsed_on
                < coalesce(candidates.signed_until, cast('9999-12-31' as date))
                then terms.lapsed_on
            else candidates.signed_until
        end as signed_until,
        candidates.term_ends_on,
        candidates.arr
    from candidates
    left join terms
        on
            candidates.document = terms.document
            and candidates.decision_number = terms.decision_number
    where
        candidates.preference_rank = 1
        and coalesce(candidates.signed_from < terms.lapsed_on, true)
)

select * from signed_terms
