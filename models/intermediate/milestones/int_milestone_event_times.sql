-- When each event criterion of a milestone was reached, and by which event. Incremental: one row
-- per onboarding, milestone, phase and criterion that was reached, which later builds keep. Running
-- totals by day find the day. Only the events of that day are put in order.
with

updates as (
    select * from {{ ref('int_account_updates') }}
),

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

criteria as (
    select * from {{ ref('int_milestone_event_criteria') }}
),

counted_series as (
    select distinct
        measure,
        subject,
        counted,
        within_days
    from criteria
),

subject_events as (
    select * from {{ ref('int_subject_events') }}
),

subject_days as (
    select * from {{ ref('int_subject_days') }}
),

subject_users as (
    select * from {{ ref('int_subject_users') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

conditions as (
    select
        plan.account_id,
        plan.onboarding_number,
        plan.milestone_id,
        criteria.phase,
        criteria.measure,
        criteria.subject,
        criteria.operator,
        criteria.threshold,
        criteria.counted,
        criteria.needed_count,
        updates.{{ first_day() }} as first_day
    from plan
    inner join criteria
        on
            plan.journey = criteria.journey
            and plan.milestone_id = criteria.milestone_id
    inner join updates
        on plan.account_id = updates.account_id
    {% if is_incremental() -%}
    left join {{ this }} as kept
        on
            plan.account_id = kept.account_id
            and plan.onboarding_number = kept.onboarding_number
            and plan.milestone_id = kept.milestone_id
            and criteria.phase = kept.phase
            and criteria.measure = kept.measure
            and criteria.subject = kept.subject
            and criteria.counted = kept.counted
            and criteria.operator = kept.operator
            and criteria.threshold = kept.threshold
    where kept.account_id is null
    {%- endif %}
),

-- A day of a user lies in the trailing windows that end on it or on one of the within_days - 1 days
-- after it.
windowed_days as (
    select
        user_days.account_id,
        user_days.onboarding_number,
        user_days.subject,
        series.counted,
        user_days.user_id,
        user_days.date_day,
        series.within_days,
        {{ days_between(
            'lag(user_days.date_day) over (partition by user_days.account_id, '
            ~ 'user_days.onboarding_number, user_days.subject, '
            ~ 'series.counted, user_days.user_id order by user_days.date_day)',
            'user_days.date_day'
        ) }} as days_before,
        {{ days_between(
            'user_days.date_day',
            'lead(user_days.date_day) over (partition by user_days.account_id, '
            ~ 'user_days.onboarding_number, user_days.subject, '
            ~ 'series.counted, user_days.user_id order by user_days.date_day)'
        ) }} as days_after
    from {{ ref('int_subject_user_days') }} as user_days
    inner join counted_series as series
        on
            user_days.subject = series.subject
            and series.measure = 'event_users'
            and series.within_days is not null
    inner join updates
        on
            user_days.account_id = updates.account_id
            and {{ days_between('user_days.date_day', 'updates.' ~ first_day()) }}
            < series.within_days
),

-- The days on which a user begins to count: for good, or again after a gap of a whole window.
counted_users as (
    select
        account_id,
        onboarding_number,
        subject,
        counted,
        user_id,
        date_day
    from subject_users
    union all
    select
        account_id,
        onboarding_number,
        subject,
        counted,
        user_id,
        date_day
    from windowed_days
    where coalesce(days_before >= within_days, true)
),

-- Interval sums of +1 and -1: what is gained on its day is lost when it leaves the window.
-- Intervals are half-open: [first day, day of leaving).
changes as (
    select
        account_id,
        onboarding_number,
        subject,
        'events' as counted,
        date_day,
        event_count as gained,
        0 as lost
    from subject_days
    union all
    select
        subject_days.account_id,
        subject_days.onboarding_number,
        subject_days.subject,
        series.counted,
        subject_days.date_day,
        1 as gained,
        0 as lost
    from subject_days
    inner join counted_series as series
        on subject_days.subject = series.subject and series.measure = 'event_days'
    union all
    select
        subject_days.account_id,
        subject_days.onboarding_number,
        subject_days.subject,
        series.counted,
        {{ add_days('subject_days.date_day', 'series.within_days') }} as date_day,
        0 as gained,
        1 as lost
    from subject_days
    inner join counted_series as series
        on
            subject_days.subject = series.subject
            and series.measure = 'event_days'
            and series.within_days is not null
    union all
    select
        account_id,
        onboarding_number,
        subject,
        counted,
        date_day,
        1 as gained,
        0 as lost
    from counted_users
    union all
    select
        account_id,
        onboarding_number,
        subject,
        counted,
        {{ add_days('date_day', 'within_days') }} as date_day,
        0 as gained,
        1 as lost
    from windowed_days
    where coalesce(days_after >= within_days, true)
),

-- Changes before the first computed day are booked on the day before it.
daily_changes as (
    select
        changes.account_id,
        changes.onboarding_number,
        changes.subject,
        changes.counted,
        greatest(changes.date_day, {{ add_days('updates.' ~ first_day(), -1) }}) as date_day,
        cast(sum(changes.gained) as bigint) as gained,
        cast(sum(changes.lost) as bigint) as lost
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by
        changes.account_id,
        changes.onboarding_number,
        changes.subject,
        changes.counted,
        greatest(changes.date_day, {{ add_days('updates.' ~ first_day(), -1) }})
),

totals as (
    select
        daily_changes.*,
        cast(
            sum(gained - lost) over (
                partition by account_id, onboarding_number, subject, counted order by date_day
            ) as bigint
        ) as total
    from daily_changes
),

-- Shares of seats are tested below, where the seats of the day are joined.
candidate_days as (
    select
        conditions.*,
        totals.date_day,
        totals.total,
        totals.total - totals.gained as total_before
    from conditions
    inner join totals
        on
            conditions.account_id = totals.account_id
            and conditions.onboarding_number = totals.onboarding_number
            and conditions.subject = totals.subject
            and conditions.counted = totals.counted
            and conditions.first_day <= totals.date_day
    where
        conditions.measure = 'event_user_share'
        or (
            conditions.needed_count <= totals.total
            and conditions.needed_count > totals.total - totals.gained
        )
),

reached_days as (
    select
        candidate_days.*,
        measured_signals.seats,
        row_number() over (
            partition by
                candidate_days.account_id,
                candidate_days.onboarding_number,
                candidate_days.milestone_id,
                candidate_days.phase,
                candidate_days.measure,
                candidate_days.subject,
                candidate_days.counted,
                candidate_days.operator,
                candidate_days.threshold
            order by candidate_days.date_day
        ) as day_rank
    from candidate_days
    left join measured_signals
        on
            candidate_days.account_id = measured_signals.account_id
            and candidate_days.date_day = measured_signals.date_day
    where
        case
            when candidate_days.measure <> 'event_user_share' then true
            when candidate_days.operator = '>='
                then
                    candidate_days.threshold
                    <= {{ as_double('candidate_days.total') }} / nullif(measured_signals.seats, 0)
            else
                candidate_days.threshold
                < {{ as_double('candidate_days.total') }} / nullif(measured_signals.seats, 0)
        end
),

first_days as (
    select * from reached_days
    where day_rank = 1
),

days_to_order as (
    select distinct
        account_id,
        onboarding_number,
        subject,
        date_day
    from first_days
),

day_events as (
    select subject_events.*
    from subject_events
    inner join days_to_order
        on
            subject_events.account_id = days_to_order.account_id
            and subject_events.onboarding_number = days_to_order.onboarding_number
            and subject_events.subject = days_to_order.subject
            and subject_events.date_day = days_to_order.date_day
),

ordered_events as (
    select
        day_events.*,
        row_number() over (
            partition by account_id, onboarding_number, subject, date_day
            order by occurred_at, event_id
        ) as event_number
    from day_events
),

new_users as (
    select
        ordered_events.account_id,
        ordered_events.onboarding_number,
        ordered_events.subject,
        counted_users.counted,
        ordered_events.date_day,
        ordered_events.event_id,
        ordered_events.occurred_at,
        ordered_events.event_number,
        row_number() over (
            partition by
                ordered_events.account_id,
                ordered_events.onboarding_number,
                ordered_events.subject,
                counted_users.counted,
                ordered_events.date_day,
                ordered_events.user_id
            order by ordered_events.event_number
        ) as user_event_number
    from ordered_events
    inner join counted_users
        on
            ordered_events.account_id = counted_users.account_id
            and ordered_events.onboarding_number = counted_users.onboarding_number
            and ordered_events.subject = counted_users.subject
            and ordered_events.user_id = counted_users.user_id
            and ordered_events.date_day = counted_users.date_day
),

-- Each event of the day that adds one to the count, numbered in order.
steps as (
    select
        account_id,
        onboarding_number,
        subject,
        'events' as counted,
        date_day,
        event_id,
        occurred_at,
        event_number as step
    from ordered_events
    union all
    select
        ordered_events.account_id,
        ordered_events.onboarding_number,
        ordered_events.subject,
        series.counted,
        ordered_events.date_day,
        ordered_events.event_id,
        ordered_events.occurred_at,
        1 as step
    from ordered_events
    inner join counted_series as series
        on ordered_events.subject = series.subject and series.measure = 'event_days'
    where ordered_events.event_number = 1
    union all
    select
        account_id,
        onboarding_number,
        subject,
        counted,
        date_day,
        event_id,
        occurred_at,
        row_number() over (
            partition by account_id, onboarding_number, subject, counted, date_day
            order by event_number
        ) as step
    from new_users
    where user_event_number = 1
),

deciding_events as (
    select
        first_days.*,
        steps.event_id,
        steps.occurred_at,
        row_number() over (
            partition by
                first_days.account_id,
                first_days.onboarding_number,
                first_days.milestone_id,
                first_days.phase,
                first_days.measure,
                first_days.subject,
                first_days.counted,
                first_days.operator,
                first_days.threshold
            order by steps.step
        ) as step_rank
    from first_days
    inner join steps
        on
            first_days.account_id = steps.account_id
            and first_days.onboarding_number = steps.onboarding_number
            and first_days.subject = steps.subject
            and first_days.counted = steps.counted
            and first_days.date_day = steps.date_day
    where
        case
            when first_days.measure <> 'event_user_share'
                then first_days.needed_count <= first_days.total_before + steps.step
            when first_days.operator = '>='
                then
                    first_days.threshold
                    <= {{ as_double('first_days.total_before + steps.step') }}
                    / nullif(first_days.seats, 0)
            else
                first_days.threshold
                < {{ as_double('first_days.total_before + steps.step') }}
                / nullif(first_days.seats, 0)
        end
),

event_times as (
    select
        account_id,
        onboarding_number,
        milestone_id,
        phase,
        measure,
        subject,
        counted,
        operator,
        threshold,
        event_id,
        occurred_at as reached_at,
        date_day
    from deciding_events
    where step_rank = 1
)

select * from event_times
