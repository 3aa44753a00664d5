with

invoice_events as (
    select * from {{ ref('stg_billing__invoices') }}
),

numbered as (
    select
        invoice_events.*,
        cast(occurred_at as date) as date_day,
        row_number() over (
            partition by document order by {{ in_business_order() }}
        ) as event_number
    from invoice_events
),

running as (
    select
        numbered.*,
        lead(date_day) over (partition by document order by event_number) as next_day,
        sum(case when event_type = 'invoice_issued' then 1 else 0 end) over (
            partition by document order by event_number
        ) as issue_number,
        sum(case when event_type = 'invoice_paid' then amount else 0 end) over (
            partition by document order by event_number
        ) as paid_amount
    from numbered
),

last_issues as (
    select
        document,
        account_id,
        row_number() over (partition by document order by event_number desc) as recency
    from running
    where event_type = 'invoice_issued'
),

-- What an issue says holds until the next one, which also takes back a voiding.
states as (
    select
        document,
        invoice_id,
        date_day as starts_on,
        next_day as ends_on,
        max(case when event_type = 'invoice_issued' then amount end) over (
            partition by document, issue_number
        ) as amount,
        max(case when event_type = 'invoice_issued' then due_on end) over (
            partition by document, issue_number
        ) as due_on,
        paid_amount,
        sum(case when event_type = 'invoice_voided' then 1 else 0 end) over (
            partition by document, issue_number order by event_number
        ) > 0 as is_void
    from running
    where issue_number > 0
),

invoices as (
    select
        last_issues.account_id,
        states.document,
        states.invoice_id,
        states.starts_on,
        states.ends_on,
        states.amount,
        states.due_on,
        states.paid_amount,
        states.amount > 0
        and states.paid_amount < states.amount
        and not states.is_void as is_open
    from states
    inner join last_issues
        on states.document = last_issues.document and last_issues.recency = 1
    where coalesce(states.starts_on < states.ends_on, true)
)

select * from invoices
