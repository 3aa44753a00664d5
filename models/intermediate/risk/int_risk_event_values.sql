{%- set same_condition = 'over (partition by account_id, condition_number order by date_day)' -%}

-- Days with an event, users with it, or users with enough days of it in the window that ends on
-- each day. Interval sums of +1/-1, as distinct users do not add up in a window over days. One row
-- per account, day and condition that counts events.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

conditions as (
    select
        condition_number,
        measure,
        subject,
        operator,
        within_days,
        coalesce(min_days, 1) as min_days,
        min(from_day) - sustained_days + 1 as from_day,
        max(to_day) as to_day
    from {{ ref('int_risk_conditions') }}
    where measure in ('event_days', 'event_users', 'event_user_days')
    group by
        condition_number,
        measure,
        subject,
        operator,
        within_days,
        coalesce(min_days, 1),
        sustained_days
),

streams as (
    select distinct
        source,
        subject
    from {{ ref('base_subjects') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

subjects as (
    select distinct
        conditions.subject,
        coalesce(tracking_plan.event_type, conditions.subject) as event_type,
        tracking_plan.event_type is not null as is_role
    from conditions
    left join tracking_plan
        on conditions.subject = 'role:' || tracking_plan.role  -- noqa: ST09
    where tracking_plan.event_type is not null or conditions.subject not like 'role:%'
),

condition_streams as (
    select
        conditions.condition_number,
        count(*) as stream_count,
        min(watermarks.complete_through) as complete_through
    from conditions
    inner join streams
        on conditions.subject = streams.subject
    inner join watermarks
        on streams.source = watermarks.source
    group by conditions.condition_number
),

condition_days as (
    select
        conditions.condition_number,
        observed_days.date_day,
        max(observed_days.observed_since) as observed_since
    from conditions
    inner join condition_streams
        on conditions.condition_number = condition_streams.condition_number
    inner join observed_days
        on conditions.subject = observed_days.subject
    group by
        conditions.condition_number, observed_days.date_day, condition_streams.stream_count
    having count(*) = condition_streams.stream_count
),

user_days as (
    select distinct
        events.account_id,
        subjects.subject,
        events.user_id,
        {{ day_of('events.occurred_at') }} as date_day
    from {{ ref('base_counted_events') }} as events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join accounts
        on events.account_id = accounts.account_id
    where {{ day_of('events.occurred_at') }} between accounts.started_on and accounts.ended_on
),

event_days as (
    select distinct
        account_id,
        subject,
        date_day
    from user_days
),

numbered_days as (
    select
        user_days.account_id,
        conditions.condition_number,
        conditions.within_days,
        conditions.min_days,
        user_days.user_id,
        user_days.date_day,
        row_number() over (
            partition by user_days.account_id, conditions.condition_number, user_days.user_id
            order by user_days.date_day
        ) as day_number,
        lead(user_days.date_day) over (
            partition by user_days.account_id, conditions.condition_number, user_days.user_id
            order by user_days.date_day
        ) as next_day
    from user_days
    inner join conditions
        on
            user_days.subject = conditions.subject
            and conditions.measure in ('event_users', 'event_user_days')
    where user_days.user_id is not null
),

-- From a day of a user until their next one, the last `min_days` days are the same; the user counts
-- while all of them lie in the window. Half-open: from counted_from to the day before
-- counted_until.
counted_users as (
    select
        days.account_id,
        days.condition_number,
        days.date_day as counted_from,
        coalesce(
            least(
                {{ add_days('window_begins.date_day', 'days.within_days') }},
                days.next_day
            ),
            {{ add_days('window_begins.date_day', 'days.within_days') }},
            days.next_day
        ) as counted_until
    from numbered_days as days
    inner join numbered_days as window_begins
        on
            days.account_id = window_begins.account_id
            and days.condition_number = window_begins.condition_number
            and days.user_id = window_begins.user_id
            and days.day_number - days.min_days + 1 = window_begins.day_number
    where
        coalesce(
            {{ days_between('window_begins.date_day', 'days.date_day') }} < days.within_days, true
        )
),

counted_days as (
    select
        event_days.account_id,
        conditions.condition_number,
        event_days.date_day as counted_from,
        {{ add_days('event_days.date_day', 'conditions.within_days') }} as counted_until
    from event_days
    inner join conditions
        on event_days.subject = conditions.subject and conditions.measure = 'event_days'
),

-- The days of an account at an age at which a rule asks. The span reaches back to the last complete
-- day, which stands in for days that are not over.
condition_spans as (
    select
        accounts.account_id,
        accounts.started_on,
        conditions.condition_number,
        greatest(
            accounts.started_on,
            least(
                {{ add_days('accounts.started_on', 'conditions.from_day') }},
                condition_streams.complete_through
            )
        ) as first_day,
        least(
            accounts.ended_on, {{ add_days('accounts.started_on', 'conditions.to_day') }}
        ) as last_day
    from accounts
    cross join conditions
    inner join condition_streams
        on conditions.condition_number = condition_streams.condition_number
    where
        {{ add_days('accounts.started_on', 'conditions.from_day') }} <= accounts.ended_on
),

-- +1 on the day from which a user or day counts, -1 on the first day on which it no longer does. 0
-- makes each span begin.
changes as (
    select
        account_id,
        condition_number,
        counted_from as date_day,
        1 as change
    from counted_users
    union all
    select
        account_id,
        condition_number,
        counted_until as date_day,
        -1 as change
    from counted_users
    where counted_until is not null
    union all
    select
        account_id,
        condition_number,
        counted_from as date_day,
        1 as change
    from counted_days
    union all
    select
        account_id,
        condition_number,
        counted_until as date_day,
        -1 as change
    from counted_days
    where counted_until is not null
    union all
    select
        account_id,
        condition_number,
        first_day as date_day,
        0 as change
    from condition_spans
),

-- Changes before the first day of the span are booked on that day.
daily_changes as (
    select
        changes.account_id,
        changes.condition_number,
        condition_spans.started_on,
        condition_spans.last_day,
        greatest(changes.date_day, condition_spans.first_day) as date_day,
        sum(changes.change) as change
    from changes
    inner join condition_spans
        on
            changes.account_id = condition_spans.account_id
            and changes.condition_number = condition_spans.condition_number
            and changes.date_day <= condition_spans.last_day
    where condition_spans.first_day <= condition_spans.last_day
    group by
        changes.account_id,
        changes.condition_number,
        condition_spans.started_on,
        condition_spans.last_day,
        greatest(changes.date_day, condition_spans.first_day)
),

-- The running sum of the changes is the value from one change to the day before the next.
stretches as (
    select
        account_id,
        condition_number,
        started_on,
        date_day as first_day,
        coalesce(
            {{ add_days('lead(date_day) ' ~ same_condition, -1) }}, last_day
        ) as last_day,
        cast(sum(change) {{ same_condition }} as decimal(24, 6)) as criterion_value
    from daily_changes
),

daily_values as (
    select
        account_id,
        condition_number,
        started_on,
        {{ each_day('first_day', 'last_day') }} as date_day,
        criterion_value
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

-- A day that is not over counts its own events, but is never below the last complete day, as events
-- that are missing so far mean nothing. Low values mean something only where the whole window was
-- observed.
event_values as (
    select
        daily_values.account_id,
        daily_values.date_day,
        daily_values.condition_number,
        greatest(
            daily_values.criterion_value,
            coalesce(last_complete.criterion_value, daily_values.criterion_value)
        ) as criterion_value
    from daily_values
    inner join conditions
        on daily_values.condition_number = conditions.condition_number
    inner join condition_streams
        on daily_values.condition_number = condition_streams.condition_number
    inner join condition_days
        on
            daily_values.condition_number = condition_days.condition_number
            and daily_values.date_day = condition_days.date_day
    left join daily_values as last_complete
        on
            daily_values.account_id = last_complete.account_id
            and daily_values.condition_number = last_complete.condition_number
            and case
                when daily_values.date_day > condition_streams.complete_through
                    then condition_streams.complete_through
            end = last_complete.date_day
    where
        conditions.operator in ('>=', '>')
        or condition_days.observed_since <= greatest(
            daily_values.started_on,
            coalesce(
                {{ add_days('daily_values.date_day', '1 - conditions.within_days') }},
                daily_values.started_on
            )
        )
)

select * from event_values
