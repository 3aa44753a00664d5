-- Visible rows by load day. One row per stream and load day, from which base_events sees what has
-- changed.
{{ config(materialized='table') }}

with

visible_events as (
    select * from {{ ref('base_visible_events') }}
),

load_days as (
    select
        source,
        loaded_on,
        count(*) as row_count
    from visible_events
    group by source, loaded_on
)

select * from load_days
