with

invoice_events as (
    select * from {{ ref('stg_billing__invoices') }}
),

issued as (
    select
        invoice_id,
        account_id,
        amount,
        due_on,
        cast(occurred_at as date) as issued_on,
        row_number() over (
            partition by invoice_id order by occurred_at, loaded_at, event_id
        ) as copy_number
    from invoice_events
    where event_type = 'invoice_issued'
),

paid_so_far as (
    select
        invoice_id,
        occurred_at,
        sum(amount) over (
            partition by invoice_id
            order by occurred_at, loaded_at, event_id
            rows between unbounded preceding and current row
        ) as paid_amount
    from invoice_events
    where event_type = 'invoice_paid'
),

closings as (
    select
        issued.invoice_id,
        paid_so_far.occurred_at as closed_at
    from issued
    inner join paid_so_far
        on issued.invoice_id = paid_so_far.invoice_id and issued.amount <= paid_so_far.paid_amount
    where issued.copy_number = 1
    union all
    select
        invoice_id,
        occurred_at as closed_at
    from invoice_events
    where event_type = 'invoice_voided'
),

first_closings as (
    select
        invoice_id,
        cast(min(closed_at) as date) as closed_on
    from closings
    group by invoice_id
),

invoices as (
    select
        issued.invoice_id,
        issued.account_id,
        issued.amount,
        issued.issued_on,
        issued.due_on,
        first_closings.closed_on
    from issued
    left join first_closings
        on issued.invoice_id = first_closings.invoice_id
    where issued.copy_number = 1
)

select * from invoices
