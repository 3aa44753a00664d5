with

reconciliation as (
    select * from {{ ref('rpt_stream_reconciliation') }}
),

thresholds as (
    select * from {{ ref('reject_thresholds') }}
),

over_the_share as (
    select
        reconciliation.source,
        reconciliation.rejected_count,
        reconciliation.raw_count,
        thresholds.fail_share
    from reconciliation
    left join thresholds
        on reconciliation.source = thresholds.source
    where
        coalesce(
            reconciliation.rejected_count > thresholds.fail_share * reconciliation.raw_count, true
        )
)

select * from over_the_share
