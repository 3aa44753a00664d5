-- Which plays and segments each row of rpt_play_outcomes counts. One row per scope, segment scope,
-- play and segment.
with

playbooks as (
    select * from {{ ref('playbooks') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

plays as (
    select play_id, play_id as scope from playbooks
    union all
    select play_id, 'all' as scope from playbooks
),

segments as (
    select segment, segment as segment_scope from size_classes
    union all
    select segment, 'all' as segment_scope from size_classes
),

scopes as (
    select
        plays.scope,
        segments.segment_scope,
        plays.play_id,
        segments.segment
    from plays
    cross join segments
)

select * from scopes
