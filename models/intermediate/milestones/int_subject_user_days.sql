with

events as (
    select
        account_id,
        user_id,
        source,
        event_type,
        cast(occurred_at as date) as date_day
    from {{ ref('base_counted_events') }}
    where user_id is not null
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

day_criteria as (
    select distinct subject from {{ ref('int_milestone_event_criteria') }}
    where measure = 'event_user_days' or (measure = 'event_users' and within_days is not null)
),

subjects as (
    select subjects.*
    from {{ ref('int_milestone_subjects') }} as subjects
    inner join day_criteria
        on subjects.subject = day_criteria.subject
),

subject_user_days as (
    select distinct
        events.account_id,
        subjects.subject,
        events.user_id,
        events.date_day
    from events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join updates
        on events.account_id = updates.account_id
    where events.date_day between updates.{{ first_day() }} and updates.ended_on
)

select * from subject_user_days
