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

followed as (
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

-- What a change after the end made of the terms was not up for renewal.
due as (
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
        followed.*,
        due.arr as due_arr,
        case
            when followed.lapsed_on is not null then 'lapsed'
            when followed.is_cancelled and followed.ends_on <= build_moment.as_of then 'churned'
            when followed.is_cancelled then 'notice_given'
            when followed.ends_on is null then 'open'
            when followed.next_decided_on < followed.term_ends_on then 'renewed_early'
            when
                followed.next_decided_on <= {{ add_days('followed.term_ends_on', 1) }}
                then 'renewed_on_time'
            else 'renewed_late'
        end as outcome
    from followed
    inner join due
        on
            followed.document = due.document
            and followed.term_number = due.term_number
            and due.recency = 1
    cross join build_moment
    where
        followed.recency = 1
        and followed.term_starts_on <= build_moment.as_of
        and (
            followed.lapsed_on is not null
            or followed.is_cancelled
            or coalesce(followed.next_term_ends_on > followed.term_ends_on, true)
        )
),

named as (
    select
        terms.*,
        outcome in ('renewed_early', 'renewed_on_time', 'renewed_late') as is_renewed
    from terms
),

renewals as (
    select
        named.document || '|' || cast(named.term_starts_on as {{ dbt.type_string() }})
            as renewal_key,
        named.account_id,
        accounts.segment,
        named.subscription_id,
        named.term_starts_on,
        named.term_ends_on,
        named.outcome,
        named.due_arr as arr_up_for_renewal,
        case when named.is_renewed then named.next_decided_on end as renewed_on,
        case when named.is_renewed then named.next_starts_on end as renewed_from,
        case when named.is_renewed then named.next_arr end as renewed_arr,
        case
            when not named.is_renewed then null
            when named.next_arr > named.due_arr then 'up'
            when named.next_arr < named.due_arr then 'down'
            else 'flat'
        end as repricing,
        named.term_notice_on as notice_on,
        case
            when named.outcome = 'lapsed' then named.lapsed_on
            when named.outcome in ('churned', 'notice_given') then named.ends_on
        end as ends_on,
        case
            when named.outcome in ('churned', 'notice_given', 'lapsed')
                then coalesce(cancellations.churn_kind, 'unknown')
        end as churn_kind
    from named
    inner join accounts
        on named.account_id = accounts.account_id
    left join cancellations
        on named.cancellation_id = cancellations.event_id and named.lapsed_on is null
)

select * from renewals
