-- Accepted ticket events of all types, one row each. Values that only some types carry are null on
-- the others. What people write as the topic stays in the raw rows, as it may hold personal data.
with

events as (
    select * from {{ ref('base_resolved_events') }}
    where source = 'support' and reject_reason is null
),

ticket_types as (
    select * from {{ ref('event_types') }}
    where source = 'support' and document_key = 'ticket_id'
),

documents as (
    select * from {{ ref('base_documents') }}
    where source = 'support' and document_key = 'ticket_id'
),

ticket_topics as (
    select * from {{ ref('ticket_topics') }}
),

ticket_events as (
    select
        events.*,
        ticket_types.business_order,
        {{ json_text('events.payload', "'ticket_id'") }} as ticket_id,
        lower(trim({{ json_text('events.payload', "'topic'") }})) as written
    from events
    inner join ticket_types
        on events.event_type = ticket_types.event_type
),

renamed as (
    select
        ticket_events.event_id,
        ticket_events.account_id,
        documents.document,
        ticket_events.ticket_id,
        {{ json_text('ticket_events.payload', "'into_ticket_id'") }} as into_ticket_id,
        ticket_events.event_type,
        {{ json_text('ticket_events.payload', "'priority'") }} as priority,
        {{ json_text('ticket_events.payload', "'waiting_for'") }} as waiting_for,
        {{ json_text('ticket_events.payload', "'author_role'") }} as author_role,
        {{ json_text('ticket_events.payload', "'created_by'") }} as created_by,
        {{ json_text('ticket_events.payload', "'close_reason'") }} as close_reason,
        case
            when ticket_events.written is not null then coalesce(ticket_topics.topic, 'other')
        end as topic,
        ticket_events.business_order,
        {{ try_cast_to(json_text('ticket_events.payload', "'is_public'"), 'boolean') }}
            as is_public,
        {{ try_cast_to(json_text('ticket_events.payload', "'is_expansion_request'"), 'boolean') }}
            as is_expansion_request,
        ticket_events.occurred_at,
        ticket_events.loaded_at
    from ticket_events
    inner join documents
        on
            ticket_events.source_account_id = documents.source_account_id
            and ticket_events.ticket_id = documents.document_id
    left join ticket_topics
        on ticket_events.written = ticket_topics.written
)

select * from renamed
