-- The milestone criteria that count events, days or users: what is counted, in words, and the least
-- count that satisfies them. One row per journey, milestone, phase (entry or exit) and criterion.
{{ config(materialized='view') }}

with

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
    where measure <> 'signal'
),

criteria as (
    select
        journey_milestones.journey,
        milestone_criteria.*,
        case when milestone_criteria.by_persona then journey_milestones.persona end as persona
    from milestone_criteria
    inner join journey_milestones
        on milestone_criteria.milestone_id = journey_milestones.milestone_id
),

-- subject and counted together name a running total, which all criteria with the same two words
-- share. A subject limited to one persona is a subject of its own. "users of 3 days" are users who
-- each have 3 days with an event.
event_criteria as (
    select
        journey,
        milestone_id,
        phase,
        measure,
        subject || coalesce(' by ' || persona, '') as subject,
        subject as named_subject,
        persona,
        operator,
        threshold,
        within_days,
        min_days,
        case measure
            when 'event_count' then 'events'
            when 'event_days' then 'days'
            else 'users'
        end
        || coalesce(' of ' || cast(min_days as {{ dbt.type_string() }}) || ' days', '')
        || coalesce(' within ' || cast(within_days as {{ dbt.type_string() }}), '') as counted,
        cast(
            greatest(
                case when operator = '>=' then ceil(threshold) else floor(threshold) + 1 end, 1
            ) as bigint
        ) as needed_count
    from criteria
)

select * from event_criteria
