with

reconciliation as (
    select * from {{ ref('stream_reconciliation') }}
),

thresholds as (
    select * from {{ ref('reject_thresholds') }}
),

over_the_share as (
    select
        reconciliation.source,
        reconciliation.rejected_count,
        reconciliation.raw_count,
        thresholds.warn_share
    from reconciliation
    inner join thresholds
        on reconciliation.source = thresholds.source
    where reconciliation.rejected_count > thresholds.warn_share * reconciliation.raw_count
)

select * from over_the_share
