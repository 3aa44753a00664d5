-- Events that milestone criteria count, by day. One row per account, onboarding, subject and day.
with

subject_events as (
    select * from {{ ref('int_subject_events') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

subject_days as (
    select
        subject_events.account_id,
        subject_events.onboarding_number,
        subject_events.subject,
        subject_events.date_day,
        cast(count(*) as bigint) as event_count
    from subject_events
    inner join updates
        on subject_events.account_id = updates.account_id
    where subject_events.date_day >= updates.{{ first_day() }}
    group by
        subject_events.account_id,
        subject_events.onboarding_number,
        subject_events.subject,
        subject_events.date_day
)

select * from subject_days
