-- Open invoices of the build's day by age. One row per invoice.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

invoices as (
    select * from {{ ref('int_invoices') }}
),

ageing_buckets as (
    select
        ageing_bucket,
        from_days_overdue,
        lead(from_days_overdue) over (order by from_days_overdue) as next_from_days
    from {{ ref('ageing_buckets') }}
),

open_invoices as (
    select
        invoices.account_id,
        invoices.document,
        invoices.invoice_id,
        invoices.due_on,
        invoices.open_amount,
        case
            when invoices.due_on < build_moment.as_of
                then {{ days_between('invoices.due_on', 'build_moment.as_of') }}
            else 0
        end as days_overdue
    from invoices
    inner join build_moment
        on
            invoices.starts_on <= build_moment.as_of
            and coalesce(invoices.ends_on > build_moment.as_of, true)
    where invoices.is_open
),

receivables as (
    select
        open_invoices.document as receivable_key,
        open_invoices.account_id,
        accounts.segment,
        accounts.churned_on is not null as has_churned,
        open_invoices.invoice_id,
        open_invoices.due_on,
        cast(open_invoices.days_overdue as bigint) as days_overdue,
        ageing_buckets.ageing_bucket,
        open_invoices.open_amount
    from open_invoices
    inner join accounts
        on open_invoices.account_id = accounts.account_id
    inner join ageing_buckets
        on
            open_invoices.days_overdue >= ageing_buckets.from_days_overdue
            and coalesce(open_invoices.days_overdue < ageing_buckets.next_from_days, true)
)

select * from receivables
