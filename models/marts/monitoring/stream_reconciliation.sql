with

events as (
    select * from {{ ref('base_resolved_events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
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

placed as (
    select
        events.source,
        case
            when events.reject_reason is not null then 'rejected'
            when accounts.account_id is null then 'excluded'
            when cast(events.occurred_at as date) < accounts.started_on then 'before_start'
            when cast(events.occurred_at as date) > accounts.ended_on then 'after_end'
            else 'in_scope'
        end as place
    from events
    left join accounts
        on events.account_id = accounts.account_id
),

event_counts as (
    select
        source,
        sum(case when place <> 'rejected' then 1 else 0 end) as staged_count,
        sum(case when place = 'rejected' then 1 else 0 end) as rejected_count,
        sum(case when place = 'excluded' then 1 else 0 end) as excluded_account_count,
        sum(case when place = 'before_start' then 1 else 0 end) as before_start_count,
        sum(case when place = 'after_end' then 1 else 0 end) as after_end_count
    from placed
    group by source
),

reconciliation as (
    select
        streams.source,
        cast(coalesce(raw_counts.raw_count, 0) as bigint) as raw_count,
        cast(coalesce(event_counts.staged_count, 0) as bigint) as staged_count,
        cast(coalesce(event_counts.rejected_count, 0) as bigint) as rejected_count,
        cast(coalesce(event_counts.excluded_account_count, 0) as bigint) as excluded_account_count,
        cast(coalesce(event_counts.before_start_count, 0) as bigint) as before_start_count,
        cast(coalesce(event_counts.after_end_count, 0) as bigint) as after_end_count
    from streams
    left join raw_counts
        on streams.source = raw_counts.source
    left join event_counts
        on streams.source = event_counts.source
)

select * from reconciliation
