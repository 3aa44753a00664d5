-- Invoices that were sent to a customer: live, no draft, not deleted; amounts in their currency.
-- One row per invoice.
with

invoices as (
    select * from {{ source('stripe', 'invoice') }}
),

currency_units as (
    select * from {{ ref('currency_units') }}
),

live_invoices as (
    select
        invoices.id as invoice_id,
        invoices.customer_id,
        invoices.status,
        upper(invoices.currency) as currency,
        coalesce(currency_units.units, 100) as units,
        try_cast(invoices.total as decimal(18, 2)) as total,
        {{ moment('invoices.due_date') }} as due_at,
        coalesce(
            {{ moment('invoices.status_transitions_finalized_at') }},
            {{ moment('invoices.created') }}
        ) as issued_at,
        {{ moment('invoices.status_transitions_paid_at') }} as paid_at,
        {{ moment('invoices.status_transitions_voided_at') }} as voided_at,
        {{ moment('invoices.status_transitions_marked_uncollectible_at') }} as written_off_at
    from invoices
    left join currency_units
        on upper(invoices.currency) = currency_units.currency
    where
        coalesce(try_cast(invoices.livemode as boolean), true)
        and not {{ is_true('invoices.is_deleted') }}
        and invoices.status <> 'draft'
)

select * from live_invoices
