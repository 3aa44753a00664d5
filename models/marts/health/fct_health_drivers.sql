{{ config(materialized='view') }}

-- The metrics behind every live score. One row per account, date and metric.
with

drivers as (
    select * from {{ ref('int_health_drivers') }}
    where track = 'live'
),

live_drivers as (
    select
        account_id,
        score_date,
        metric,
        model_version,
        value_status,
        last_seen_on,
        value,
        normalised,
        weight,
        points,
        points_lost,
        peer_median,
        change_needed_for_next_band
    from drivers
)

select * from live_drivers
