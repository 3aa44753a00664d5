-- Subscriptions, trials and invoices as billing events. One row per event.
with

customer_accounts as (
    select * from {{ ref('customer_accounts') }}
),

subscriptions as (
    select * from {{ ref('subscriptions') }}
),

versions as (
    select * from {{ ref('subscription_versions') }}
),

terms as (
    select * from {{ ref('subscription_terms') }}
),

invoices as (
    select * from {{ ref('live_invoices') }}
),

credit_notes as (
    select * from {{ source('stripe', 'credit_note') }}
),

charges as (
    select * from {{ source('stripe', 'charge') }}
),

refunds as (
    select * from {{ source('stripe', 'refund') }}
),

trials as (
    select
        subscription_id || '-1-trial' as event_id,
        'trial_started' as event_type,
        customer_id,
        trial_starts_at as occurred_at,
        json_object() as payload
    from subscriptions
    where trial_starts_at is not null
),

compared_terms as (
    select
        terms.*,
        row_number() over (partition by subscription_id order by happens_at) as term_number,
        lag([plan, cast(seats as varchar), currency, cast(mrr as varchar)]) over (
            partition by subscription_id order by happens_at
        ) as terms_before
    from terms
),

subscribed as (
    select
        subscription_id || '-2-terms-' || term_number as event_id,
        case when is_start then 'subscription_started' else 'subscription_changed' end
            as event_type,
        customer_id,
        happens_at as occurred_at,
        json_object(
            'subscription_id', subscription_id,
            'plan', plan,
            'seats', seats,
            'mrr', mrr,
            'currency', currency
        ) as payload
    from compared_terms
    where
        is_start
        or is_restored
        or terms_before <> [plan, cast(seats as varchar), currency, cast(mrr as varchar)]
),

-- A cancellation is decided once for each day that it names.
compared_versions as (
    select
        versions.*,
        lag(ends_on) over (partition by subscription_id order by version_number) as ended_on_before,
        lag(cancelled_at) over (
            partition by subscription_id order by version_number
        ) as cancelled_before
    from versions
),

cancelled as (
    select
        compared_versions.subscription_id || '-3-end-' || compared_versions.version_number
            as event_id,
        'subscription_cancelled' as event_type,
        compared_versions.customer_id,
        case
            when
                compared_versions.cancelled_at is distinct from compared_versions.cancelled_before
                then compared_versions.cancelled_at
            else coalesce(compared_versions.ended_at, compared_versions.known_from)
        end as occurred_at,
        json_object(
            'subscription_id', compared_versions.subscription_id,
            'reason', compared_versions.reason,
            'effective_on', compared_versions.ends_on
        ) as payload
    from compared_versions
    inner join subscriptions
        on
            compared_versions.subscription_id = subscriptions.subscription_id
            and subscriptions.paid_from is not null
    where
        compared_versions.ends_on is not null
        and compared_versions.ends_on is distinct from compared_versions.ended_on_before
),

issued as (
    select
        invoice_id || '-1-issued' as event_id,
        'invoice_issued' as event_type,
        customer_id,
        issued_at as occurred_at,
        json_object(
            'invoice_id', invoice_id,
            'amount', total / units,
            'currency', currency,
            'due_on', cast(coalesce(due_at, issued_at) as date)
        ) as payload
    from invoices
),

-- Only what was credited before the payment lowers what is owed; after it, the refund tells of the
-- money.
credits as (
    select
        credit_notes.id as credit_note_id,
        invoices.invoice_id,
        invoices.customer_id,
        try_cast(credit_notes.total as decimal(18, 2)) as total,
        try_cast(credit_notes.total as decimal(18, 2)) / invoices.units as amount,
        {{ moment('credit_notes.created') }} as credited_at
    from credit_notes
    inner join invoices
        on credit_notes.invoice_id = invoices.invoice_id
    where
        coalesce(credit_notes.type, 'pre_payment') = 'pre_payment'
        and coalesce(credit_notes.status, 'issued') <> 'void'
),

credited as (
    select
        credit_note_id || '-2-credited' as event_id,
        'invoice_credited' as event_type,
        customer_id,
        credited_at as occurred_at,
        json_object('invoice_id', invoice_id, 'amount', amount) as payload
    from credits
),

credited_totals as (
    select
        invoice_id,
        sum(total) as total
    from credits
    group by invoice_id
),

-- A paid invoice owes nothing, also where the customer's balance paid a part of it.
paid as (
    select
        invoices.invoice_id || '-3-paid' as event_id,
        'invoice_paid' as event_type,
        invoices.customer_id,
        invoices.paid_at as occurred_at,
        json_object(
            'invoice_id', invoices.invoice_id,
            'amount', (invoices.total - coalesce(credited_totals.total, 0)) / invoices.units
        ) as payload
    from invoices
    left join credited_totals
        on invoices.invoice_id = credited_totals.invoice_id
    where invoices.status = 'paid'
),

refunded as (
    select
        refunds.id || '-4-refunded' as event_id,
        'invoice_refunded' as event_type,
        invoices.customer_id,
        {{ moment('refunds.created') }} as occurred_at,
        json_object(
            'invoice_id', invoices.invoice_id,
            'amount', try_cast(refunds.amount as decimal(18, 2)) / invoices.units
        ) as payload
    from refunds
    inner join charges
        on refunds.charge_id = charges.id
    inner join invoices
        on charges.invoice_id = invoices.invoice_id
    where refunds.status = 'succeeded'
),

written_off as (
    select
        invoice_id || '-5-written_off' as event_id,
        'invoice_written_off' as event_type,
        customer_id,
        written_off_at as occurred_at,
        json_object('invoice_id', invoice_id) as payload
    from invoices
    where status = 'uncollectible'
),

voided as (
    select
        invoice_id || '-6-voided' as event_id,
        'invoice_voided' as event_type,
        customer_id,
        voided_at as occurred_at,
        json_object('invoice_id', invoice_id) as payload
    from invoices
    where status = 'void'
),

unioned as (
    select * from trials
    union all
    select * from subscribed
    union all
    select * from cancelled
    union all
    select * from issued
    union all
    select * from credited
    union all
    select * from paid
    union all
    select * from refunded
    union all
    select * from written_off
    union all
    select * from voided
),

enveloped as (
    select
        unioned.event_id,
        unioned.event_type,
        coalesce(customer_accounts.account_id, unioned.customer_id) as account_id,
        cast(null as varchar) as user_id,
        unioned.occurred_at,
        unioned.occurred_at as loaded_at,
        cast(unioned.payload as varchar) as payload
    from unioned
    left join customer_accounts
        on unioned.customer_id = customer_accounts.customer_id
)

select * from enveloped
