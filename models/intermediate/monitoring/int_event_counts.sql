-- Event counts for monitoring. One row per stream, event type, day, place (in scope or why not) and
-- state of the document.
with

events as (
    select * from {{ ref('base_resolved_events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

document_types as (
    select * from {{ ref('event_types') }}
    where document_key is not null
),

lost_documents as (
    select * from {{ ref('base_documents') }}
    where not has_beginning
),

-- The join keys are null for product events and rejected events, so that these are not looked up.
events_with_place as (
    select
        events.source,
        events.event_type,
        {{ day_of('events.occurred_at') }} as date_day,
        case
            when events.reject_reason is not null then 'rejected'
            when events.account_id is null then 'in_scope'
            when accounts.account_id is null then 'excluded'
            when
                lost_documents.document_id is not null
                or {{ day_of('events.occurred_at') }} < accounts.started_on
                then 'before_start'
            when {{ day_of('events.occurred_at') }} > accounts.ended_on then 'after_end'
            else 'in_scope'
        end as place,
        case
            when accounts.account_id is null or lost_documents.document_id is null then null
            when lost_documents.is_ambiguous then 'ambiguous'
            else 'without_beginning'
        end as document_state
    from events
    left join accounts
        on events.account_id = accounts.account_id
    left join document_types
        on
            case when events.source <> 'product' then events.event_type end
            = document_types.event_type
            and events.source = document_types.source
    left join lost_documents
        on
            case
                when events.reject_reason is null
                    then {{ json_text('events.payload', 'document_types.document_key') }}
            end
            = lost_documents.document_id
            and events.source = lost_documents.source
            and document_types.document_key = lost_documents.document_key
            and events.source_account_id = lost_documents.source_account_id
),

event_counts as (
    select
        source,
        event_type,
        date_day,
        place,
        document_state,
        count(*) as event_count
    from events_with_place
    group by source, event_type, date_day, place, document_state
)

select * from event_counts
