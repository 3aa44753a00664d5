-- What became of each subscription term that came up for renewal. One row per subscription and
-- term.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

subscription_terms as (
    select * from {{ ref('int_subscription_terms') }}
),

cancellations as (
    select * from {{ ref('stg_billing__cancellations') }}
),

-- Every part of a term with the part that follows it; recency 1 is the last part of the term.
term_parts as (
    select
        subscription_terms.*,
        min(starts_on) over (partition by document, term_number) as term_starts_on,
        min(notice_on) over (partition by document, term_number) as term_notice_on,
        row_number() over (
            partition by document, term_number order by starts_on desc
        ) as recency,
        lead(decided_on) over (partition by document order by starts_on) as next_decided_on,
        lead(starts_on) over (partition by document order by starts_on) as next_starts_on,
        lead(term_ends_on) over (partition by document order by starts_on) as next_term_ends_on,
        lead(arr) over (partition by document order by starts_on) as next_arr
    from subscription_terms
),

-- The ARR up for renewal is that of the last part that began by the end of the term.
due_parts as (
    select
        document,
        term_number,
        arr,
        row_number() over (
            partition by document, term_number order by starts_on desc
        ) as recency
    from subscription_terms
    where starts_on <= term_ends_on
),

terms as (
    select
        term_parts.*,
        due_parts.arr as due_arr,
        case
            when term_parts.lapsed_on is not null then 'lapsed'
            when term_parts.is_cancelled and term_parts.ends_on <= build_moment.as_of then 'churned'
            when term_parts.is_cancelled then 'notice_given'
            when term_parts.ends_on is null then 'open'
            when term_parts.next_decided_on < term_parts.term_ends_on then 'renewed_early'
            when
                term_parts.next_decided_on <= {{ add_days('term_parts.term_ends_on', 1) }}
                then 'renewed_on_time'
            else 'renewed_late'
        end as outcome
    from term_parts
    inner join due_parts
        on
            term_parts.document = due_parts.document
            and term_parts.term_number = due_parts.term_number
            and due_parts.recency = 1
    cross join build_moment
    where
        term_parts.recency = 1
        and term_parts.term_starts_on <= build_moment.as_of
        and (
            term_parts.lapsed_on is not null
            or term_parts.is_cancelled
            or coalesce(term_parts.next_term_ends_on > term_parts.term_ends_on, true)
        )
),

outcomes as (
    select
        terms.*,
        outcome in ('renewed_early', 'renewed_on_time', 'renewed_late') as is_renewed
    from terms
),

renewals as (
    select
        outcomes.document || '|' || cast(outcomes.term_starts_on as {{ dbt.type_string() }})
            as renewal_key,
        outcomes.account_id,
        accounts.segment,
        outcomes.subscription_id,
        outcomes.term_starts_on,
        outcomes.term_ends_on,
        outcomes.outcome,
        outcomes.due_arr as arr_up_for_renewal,
        case when outcomes.is_renewed then outcomes.next_decided_on end as renewed_on,
        case when outcomes.is_renewed then outcomes.next_starts_on end as renewed_from,
        case when outcomes.is_renewed then outcomes.next_arr end as renewed_arr,
        case
            when not outcomes.is_renewed then null
            when outcomes.next_arr > outcomes.due_arr then 'up'
            when outcomes.next_arr < outcomes.due_arr then 'down'
            else 'flat'
        end as repricing,
        outcomes.term_notice_on as notice_on,
        case
            when outcomes.outcome = 'lapsed' then outcomes.lapsed_on
            when outcomes.outcome in ('churned', 'notice_given') then outcomes.ends_on
        end as ends_on,
        case
            when outcomes.outcome in ('churned', 'notice_given', 'lapsed')
                then coalesce(cancellations.churn_kind, 'unknown')
        end as churn_kind
    from outcomes
    inner join accounts
        on outcomes.account_id = accounts.account_id
    left join cancellations
        on
            case when outcomes.lapsed_on is null then outcomes.cancellation_id end
            = cancellations.event_id
)

select * from renewals
