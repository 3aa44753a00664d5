-- Days on which users have an event of a subject, for criteria that ask for days of users or users
-- in a window. One row per account, onboarding, subject, user and day.
with

subject_events as (
    select * from {{ ref('int_subject_events') }}
    where user_id is not null
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

day_criteria as (
    select distinct subject from {{ ref('int_milestone_event_criteria') }}
    where measure = 'event_user_days' or (measure = 'event_users' and within_days is not null)
),

subject_user_days as (
    select distinct
        subject_events.account_id,
        subject_events.onboarding_number,
        subject_events.subject,
        subject_events.user_id,
        subject_events.date_day
    from subject_events
    inner join day_criteria
        on subject_events.subject = day_criteria.subject
    inner join updates
        on subject_events.account_id = updates.account_id
    where subject_events.date_day >= updates.{{ first_day() }}
)

select * from subject_user_days
