-- Rows that become no event, counted. One row per table and reason.
with

subscriptions as (
    select livemode from {{ source('stripe', 'subscription') }}
    union all
    select livemode from {{ source('stripe', 'subscription_history') }}
),

invoices as (
    select * from {{ source('stripe', 'invoice') }}
),

credit_notes as (
    select * from {{ source('stripe', 'credit_note') }}
),

rows_left_out as (
    select
        'subscription' as table_name,
        'test mode' as reason
    from subscriptions
    where not coalesce(try_cast(livemode as boolean), true)
    union all
    select
        'invoice' as table_name,
        case
            when {{ is_true('is_deleted') }} then 'deleted'
            when status = 'draft' then 'draft'
            else 'test mode'
        end as reason
    from invoices
    where id not in (select live.invoice_id from {{ ref('live_invoices') }} as live)
    union all
    select
        'credit_note' as table_name,
        'after the payment, void or without its invoice' as reason
    from credit_notes
    where
        id || '-2-credited' not in (
            select billing_events.event_id from {{ ref('billing_events') }} as billing_events
        )
),

left_out as (
    select
        table_name,
        reason,
        count(*) as row_count
    from rows_left_out
    group by table_name, reason
)

select * from left_out
