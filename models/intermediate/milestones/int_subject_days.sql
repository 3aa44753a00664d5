with

subjects as (
    select * from {{ ref('int_milestone_subjects') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

product_days as (
    select
        event_type_days.account_id,
        subjects.subject,
        event_type_days.date_day,
        event_type_days.event_count
    from {{ ref('int_event_type_days') }} as event_type_days
    inner join subjects
        on event_type_days.event_type = subjects.event_type
),

other_days as (
    select
        events.account_id,
        subjects.subject,
        cast(events.occurred_at as date) as date_day,
        1 as event_count
    from {{ ref('base_resolved_events') }} as events
    inner join subjects
        on events.event_type = subjects.event_type and not subjects.is_role
    where events.source <> 'product' and events.reject_reason is null
),

days as (
    select account_id, subject, date_day, event_count from product_days
    union all
    select account_id, subject, date_day, event_count from other_days
),

subject_days as (
    select
        days.account_id,
        days.subject,
        days.date_day,
        cast(sum(days.event_count) as bigint) as event_count
    from days
    inner join updates
        on days.account_id = updates.account_id
    where days.date_day between updates.{{ first_day() }} and updates.ended_on
    group by days.account_id, days.subject, days.date_day
)

select * from subject_days
