-- Accepted invoice events of all kinds, from issue to write-off. One row per event, amounts in
-- their own currency.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type in (
            'invoice_issued',
            'invoice_paid',
            'invoice_credited',
            'invoice_refunded',
            'invoice_written_off',
            'invoice_voided'
        )
        and reject_reason is null
),

event_types as (
    select * from {{ ref('event_types') }}
    where source = 'billing'
),

documents as (
    select * from {{ ref('base_documents') }}
    where source = 'billing' and document_key = 'invoice_id'
),

renamed as (
    select
        event_id,
        account_id,
        source_account_id,
        {{ json_text('payload', "'invoice_id'") }} as invoice_id,
        event_type,
        {{ json_text('payload', "'currency'") }} as currency,
        {{ try_cast_to(json_text('payload', "'amount'"), 'decimal(18, 6)') }} as amount,
        {{ try_cast_to(json_text('payload', "'due_on'"), 'date') }} as due_on,
        occurred_at,
        loaded_at
    from source
),

events_with_document as (
    select
        renamed.event_id,
        renamed.account_id,
        documents.document,
        renamed.invoice_id,
        renamed.event_type,
        renamed.currency,
        renamed.amount,
        renamed.due_on,
        event_types.business_order,
        renamed.occurred_at,
        renamed.loaded_at
    from renamed
    inner join event_types
        on renamed.event_type = event_types.event_type
    inner join documents
        on
            renamed.source_account_id = documents.source_account_id
            and renamed.invoice_id = documents.document_id
)

select * from events_with_document
