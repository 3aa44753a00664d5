{{ config(materialized='view') }}

with

criteria as (
    select * from {{ ref('milestone_criteria') }}
    where measure <> 'signal'
),

-- Criteria that count the same of one subject share one running total.
event_criteria as (
    select
        milestone_id,
        phase,
        measure,
        subject,
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
