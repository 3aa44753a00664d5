-- The day from which a user counts for good: with the first event of a subject, or with the days
-- that a criterion asks of a user. Incremental: one row per account, onboarding, subject, counted
-- and user.
with

subject_events as (
    select * from {{ ref('int_subject_events') }}
    where user_id is not null
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

user_criteria as (
    select distinct
        measure,
        subject,
        counted,
        within_days,
        min_days
    from {{ ref('int_milestone_event_criteria') }}
),

first_days as (
    select
        subject_events.account_id,
        subject_events.onboarding_number,
        subject_events.subject,
        'users' as counted,
        subject_events.user_id,
        min(subject_events.date_day) as date_day
    from subject_events
    inner join updates
        on subject_events.account_id = updates.account_id
    where
        subject_events.date_day >= updates.{{ first_day() }}
        and subject_events.subject in (
            select user_criteria.subject from user_criteria
            where user_criteria.counted = 'users'
        )
    group by
        subject_events.account_id,
        subject_events.onboarding_number,
        subject_events.subject,
        subject_events.user_id
),

-- Numbered days of users, from the first day that a window ending on a computed day can hold.
numbered_days as (
    select
        user_days.account_id,
        user_days.onboarding_number,
        user_days.subject,
        user_criteria.counted,
        user_criteria.within_days,
        user_criteria.min_days,
        user_days.user_id,
        user_days.date_day,
        updates.{{ first_day() }} as first_day,
        row_number() over (
            partition by
                user_days.account_id,
                user_days.onboarding_number,
                user_days.subject,
                user_criteria.counted,
                user_days.user_id
            order by user_days.date_day
        ) as day_number
    from {{ ref('int_subject_user_days') }} as user_days
    inner join user_criteria
        on
            user_days.subject = user_criteria.subject
            and user_criteria.measure = 'event_user_days'
    inner join updates
        on
            user_days.account_id = updates.account_id
            and coalesce(
                {{ days_between('user_days.date_day', 'updates.' ~ first_day()) }}
                < user_criteria.within_days,
                true
            )
),

-- Self-join on day_number: the day min_days - 1 rows back begins the narrowest window that holds
-- min_days days.
first_full_windows as (
    select
        days.account_id,
        days.onboarding_number,
        days.subject,
        days.counted,
        days.user_id,
        min(days.date_day) as date_day
    from numbered_days as days
    inner join numbered_days as window_begins
        on
            days.account_id = window_begins.account_id
            and days.onboarding_number = window_begins.onboarding_number
            and days.subject = window_begins.subject
            and days.counted = window_begins.counted
            and days.user_id = window_begins.user_id
            and days.day_number - days.min_days + 1 = window_begins.day_number
    where
        days.date_day >= days.first_day
        and coalesce(
            {{ days_between('window_begins.date_day', 'days.date_day') }} < days.within_days, true
        )
    group by
        days.account_id, days.onboarding_number, days.subject, days.counted, days.user_id
),

counted_users as (
    select * from first_days
    union all
    select * from first_full_windows
),

subject_users as (
    select counted_users.*
    from counted_users
    {% if is_incremental() -%}
    left join {{ this }} as kept
        on
            counted_users.account_id = kept.account_id
            and counted_users.onboarding_number = kept.onboarding_number
            and counted_users.subject = kept.subject
            and counted_users.counted = kept.counted
            and counted_users.user_id = kept.user_id
    where kept.user_id is null
    {%- endif %}
)

select * from subject_users
