-- Where the raw rows of each stream ended up, so that none is lost unnoticed. One row per source.
with

event_counts as (
    select * from {{ ref('int_event_counts') }}
),

streams as (
    select distinct source from {{ ref('event_schemas') }}
    union distinct
    select 'product' as source
),

raw_counts as (
    select
        source,
        sum(row_count) as raw_count
    from {{ ref('base_load_days') }}
    group by source
),

stream_counts as (
    select
        source,
        sum(case when place <> 'rejected' then event_count else 0 end) as staged_count,
        sum(case when place = 'rejected' then event_count else 0 end) as rejected_count,
        sum(case when place = 'excluded' then event_count else 0 end) as excluded_account_count,
        sum(case when place = 'before_start' then event_count else 0 end) as before_start_count,
        sum(case when place = 'after_end' then event_count else 0 end) as after_end_count,
        sum(case when document_state is not null then event_count else 0 end)
            as without_beginning_count,
        sum(case when document_state = 'ambiguous' then event_count else 0 end)
            as ambiguous_document_count
    from event_counts
    group by source
),

reconciliation as (
    select
        streams.source,
        cast(coalesce(raw_counts.raw_count, 0) as bigint) as raw_count,
        cast(coalesce(stream_counts.staged_count, 0) as bigint) as staged_count,
        cast(coalesce(stream_counts.rejected_count, 0) as bigint) as rejected_count,
        cast(coalesce(stream_counts.excluded_account_count, 0) as bigint) as excluded_account_count,
        cast(coalesce(stream_counts.before_start_count, 0) as bigint) as before_start_count,
        cast(coalesce(stream_counts.after_end_count, 0) as bigint) as after_end_count,
        cast(coalesce(stream_counts.without_beginning_count, 0) as bigint)
            as without_beginning_count,
        cast(coalesce(stream_counts.ambiguous_document_count, 0) as bigint)
            as ambiguous_document_count
    from streams
    left join raw_counts
        on streams.source = raw_counts.source
    left join stream_counts
        on streams.source = stream_counts.source
)

select * from reconciliation
