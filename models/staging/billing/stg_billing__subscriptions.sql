-- Accepted subscription events (started, changed, renewed, cancelled). One row per event, MRR in
-- its own currency.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type in (
            'subscription_started',
            'subscription_changed',
            'subscription_renewed',
            'subscription_cancelled'
        )
        and reject_reason is null
),

event_types as (
    select * from {{ ref('event_types') }}
    where source = 'billing'
),

documents as (
    select * from {{ ref('base_documents') }}
    where source = 'billing' and document_key = 'subscription_id'
),

renamed as (
    select
        event_id,
        account_id,
        source_account_id,
        {{ json_text('payload', "'subscription_id'") }} as subscription_id,
        event_type,
        {{ json_text('payload', "'plan'") }} as plan,
        {{ json_text('payload', "'currency'") }} as currency,
        {{ try_cast_to(json_text('payload', "'seats'"), 'bigint') }} as seats,
        {{ try_cast_to(json_text('payload', "'mrr'"), 'decimal(18, 6)') }} as mrr,
        {{ try_cast_to(json_text('payload', "'variable_mrr'"), 'decimal(18, 6)') }} as variable_mrr,
        {{ try_cast_to(json_text('payload', "'usage_cap'"), 'decimal(18, 6)') }} as usage_cap,
        {{ try_cast_to(json_text('payload', "'term_end'"), 'date') }} as term_ends_on,
        {{ try_cast_to(json_text('payload', "'effective_on'"), 'date') }} as effective_on,
        occurred_at,
        loaded_at
    from source
),

events_with_document as (
    select
        renamed.event_id,
        renamed.account_id,
        documents.document,
        renamed.subscription_id,
        renamed.event_type,
        renamed.plan,
        renamed.currency,
        renamed.seats,
        renamed.mrr,
        renamed.variable_mrr,
        renamed.usage_cap,
        renamed.term_ends_on,
        renamed.effective_on,
        event_types.business_order,
        renamed.occurred_at,
        renamed.loaded_at
    from renamed
    inner join event_types
        on renamed.event_type = event_types.event_type
    inner join documents
        on
            renamed.source_account_id = documents.source_account_id
            and renamed.subscription_id = documents.document_id
)

select * from events_with_document
