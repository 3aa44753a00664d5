-- Point in time: the raw rows that this build may see, one row each.
with

raw_events as (
    select * from {{ ref('base_raw_events') }}
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

visible_rows as (
    select raw_events.*
    from raw_events
    cross join build_moment
    where {{ is_visible() }}
)

select * from visible_rows
