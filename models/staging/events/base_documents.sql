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

named as (
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
    from named
    where document_id is not null
    group by source, document_key, source_account_id, account_id, document_id
),

-- A merged account leaves its documents to the survivor, whoever else has the same id.
begun_by_survivor as (
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

begun_anywhere as (
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

traced as (
    select
        mentions.*,
        coalesce(begun_anywhere.account_count, 0) as account_count,
        case
            when mentions.is_begun_here then mentions.source_account_id
            when begun_by_survivor.account_count = 1 then begun_by_survivor.begun_on
            when begun_anywhere.account_count = 1 then begun_anywhere.begun_on
        end as begun_on
    from mentions
    left join begun_by_survivor
        on
            mentions.source = begun_by_survivor.source
            and mentions.document_key = begun_by_survivor.document_key
            and mentions.document_id = begun_by_survivor.document_id
            and mentions.account_id = begun_by_survivor.account_id
    left join begun_anywhere
        on
            mentions.source = begun_anywhere.source
            and mentions.document_key = begun_anywhere.document_key
            and mentions.document_id = begun_anywhere.document_id
),

-- The slashes of an account id are spelled out, so that no two documents share a text.
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
    from traced
)

select * from documents
