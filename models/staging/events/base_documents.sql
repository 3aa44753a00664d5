-- Which ticket, subscription or invoice an id stands for. One row per stream, kind of document,
-- account as sent and id. The document is traced to the account that began it.
{{ config(materialized='table') }}

with

events as (
    select * from {{ ref('base_events') }}
    where source <> 'product' and reject_reason is null
),

document_types as (
    select * from {{ ref('event_types') }}
    where document_key is not null
),

accounts as (
    select * from {{ ref('base_accounts') }}
),

document_events as (
    select
        events.source,
        document_types.document_key,
        events.account_id as source_account_id,
        accounts.account_id,
        {{ json_text('events.payload', 'document_types.document_key') }} as document_id,
        document_types.begins_document
    from events
    inner join document_types
        on events.source = document_types.source and events.event_type = document_types.event_type
    inner join accounts
        on events.account_id = accounts.source_account_id
),

mentions as (
    select
        source,
        document_key,
        source_account_id,
        account_id,
        document_id,
        max(case when begins_document then 1 else 0 end) = 1 as is_begun_here
    from document_events
    where document_id is not null
    group by source, document_key, source_account_id, account_id, document_id
),

-- The document of a merged account goes to the survivor, even if other accounts have the same id.
beginnings_by_survivor as (
    select
        source,
        document_key,
        document_id,
        account_id,
        count(*) as account_count,
        min(source_account_id) as begun_on
    from mentions
    where is_begun_here
    group by source, document_key, document_id, account_id
),

beginnings_anywhere as (
    select
        source,
        document_key,
        document_id,
        count(*) as account_count,
        min(source_account_id) as begun_on
    from mentions
    where is_begun_here
    group by source, document_key, document_id
),

mentions_with_beginning as (
    select
        mentions.*,
        coalesce(beginnings_anywhere.account_count, 0) as account_count,
        case
            when mentions.is_begun_here then mentions.source_account_id
            when beginnings_by_survivor.account_count = 1 then beginnings_by_survivor.begun_on
            when beginnings_anywhere.account_count = 1 then beginnings_anywhere.begun_on
        end as begun_on
    from mentions
    left join beginnings_by_survivor
        on
            mentions.source = beginnings_by_survivor.source
            and mentions.document_key = beginnings_by_survivor.document_key
            and mentions.document_id = beginnings_by_survivor.document_id
            and mentions.account_id = beginnings_by_survivor.account_id
    left join beginnings_anywhere
        on
            mentions.source = beginnings_anywhere.source
            and mentions.document_key = beginnings_anywhere.document_key
            and mentions.document_id = beginnings_anywhere.document_id
),

-- Slashes in account ids are escaped, so that no two documents have the same text.
documents as (
    select
        source,
        document_key,
        source_account_id,
        document_id,
        replace(replace(coalesce(begun_on, source_account_id), '%', '%25'), '/', '%2F')
        || '/' || document_key || '/' || document_id as document,
        begun_on is not null as has_beginning,
        begun_on is null and account_count > 1 as is_ambiguous
    from mentions_with_beginning
)

select * from documents
