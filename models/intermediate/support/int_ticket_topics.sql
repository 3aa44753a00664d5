-- What each ticket was about and how it went. One row per ticket with a creation.
with

tickets as (
    select * from {{ ref('int_tickets') }}
),

ticket_events as (
    select * from {{ ref('stg_support__ticket_events') }}
    where topic is not null
),

lives as (
    select
        document,
        max(case when event_kind = 'reopened' then 1 else 0 end) as is_reopened,
        max(case when event_kind = 'solved' then 1 else 0 end) as is_solved
    from {{ ref('int_ticket_events') }}
    group by document
),

-- The last topic that was told, in the order of the business.
told_topics as (
    select
        document,
        topic,
        row_number() over (
            partition by document
            order by
                {{ dbt.date_trunc('second', 'occurred_at') }} desc, business_order desc,
                occurred_at desc, loaded_at desc, event_id desc
        ) as recency
    from ticket_events
),

topics as (
    select
        tickets.document,
        tickets.account_id,
        coalesce(told_topics.topic, 'not_told') as topic,
        {{ day_of('tickets.created_at') }} as created_on,
        tickets.reply_outcome,
        tickets.first_reply_hours,
        lives.is_solved = 1 as is_solved,
        lives.is_reopened = 1 as is_reopened
    from tickets
    inner join lives
        on tickets.document = lives.document
    left join told_topics
        on tickets.document = told_topics.document and told_topics.recency = 1
)

select * from topics
