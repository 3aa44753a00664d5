-- Merges of accounts that the CRM sent and what became of each. One row per merge event.
with

base_merges as (
    select * from {{ ref('base_merges') }}
),

account_merges as (
    select
        event_id,
        account_id,
        into_account_id,
        outcome,
        surviving_account_id,
        occurred_at,
        loaded_at
    from base_merges
)

select * from account_merges
