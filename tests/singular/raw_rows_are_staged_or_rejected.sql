with

reconciliation as (
    select * from {{ ref('rpt_stream_reconciliation') }}
),

rejected as (
    select
        source,
        count(*) as listed_count
    from {{ ref('fct_rejected_events') }}
    group by source
),

compared as (
    select
        coalesce(reconciliation.source, rejected.source) as source,
        reconciliation.raw_count,
        reconciliation.staged_count,
        reconciliation.rejected_count,
        coalesce(rejected.listed_count, 0) as listed_count
    from reconciliation
    full outer join rejected
        on reconciliation.source = rejected.source
)

select * from compared
where
    coalesce(raw_count <> staged_count + rejected_count, true)
    or rejected_count <> listed_count
