{{ config(materialized='view') }}

with

events as (
    select
        source,
        event_type,
        account_id,
        user_id,
        event_id,
        occurred_at,
        cast(occurred_at as date) as date_day
    from {{ ref('base_counted_events') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

subjects as (
    select * from {{ ref('int_milestone_subjects') }}
),

-- What was set up before the first day counts on it.
subject_events as (
    select
        events.account_id,
        subjects.subject,
        events.user_id,
        events.event_id,
        events.occurred_at,
        greatest(events.date_day, updates.started_on) as date_day
    from events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join updates
        on events.account_id = updates.account_id
    where events.date_day <= updates.ended_on
)

select * from subject_events
