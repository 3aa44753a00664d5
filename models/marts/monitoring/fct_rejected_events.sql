{{ config(materialized='view') }}

-- Raw rows that staging rejected, and why. One row per rejected row.
with

events as (
    select * from {{ ref('base_resolved_events') }}
    where reject_reason is not null
),

rejected_events as (
    select
        source,
        event_id,
        event_type,
        source_account_id as account_id,
        source_user_id as user_id,
        reject_reason,
        rejected_key,
        read_problem,
        occurred_at,
        loaded_at
    from events
)

select * from rejected_events
