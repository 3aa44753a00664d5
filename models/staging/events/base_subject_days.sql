-- Events by subject and day. One row per subject and day with an event.
{{ config(materialized='table') }}

with

event_days as (
    select * from {{ ref('base_event_days') }}
),

subjects as (
    select * from {{ ref('base_subjects') }}
),

subject_days as (
    select
        subjects.source,
        subjects.subject,
        event_days.date_day,
        sum(
            case
                when subjects.subject = 'users' then event_days.user_event_count
                else event_days.event_count
            end
        ) as event_count
    from subjects
    inner join event_days
        on
            subjects.source = event_days.source
            and coalesce(subjects.event_type, event_days.event_type) = event_days.event_type
    where subjects.subject <> 'users' or event_days.user_event_count > 0
    group by subjects.source, subjects.subject, event_days.date_day
)

select * from subject_days
