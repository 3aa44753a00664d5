{%- set same_condition = 'over (partition by account_id, condition_number order by date_day)' -%}

with

accounts as (
    select * from {{ ref('int_accounts') }}
),

conditions as (
    select
        condition_number,
        measure,
        subject,
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
        within_days,
        coalesce(min_days, 1),
        sustained_days
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

user_days as (
    select distinct
        events.account_id,
        subjects.subject,
        events.user_id,
        cast(events.occurred_at as date) as date_day
    from {{ ref('base_counted_events') }} as events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join accounts
        on events.account_id = accounts.account_id
    where cast(events.occurred_at as date) between accounts.started_on and accounts.ended_on
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

-- From each day of a user until the next one the last min_days days are the same; the user counts
-- while all of them lie in the window.
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

asked as (
    select
        accounts.account_id,
        conditions.condition_number,
        greatest(
            accounts.started_on, {{ add_days('accounts.started_on', 'conditions.from_day') }}
        ) as first_day,
        least(
            accounts.ended_on, {{ add_days('accounts.started_on', 'conditions.to_day') }}
        ) as last_day
    from accounts
    cross join conditions
),

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
    from asked
),

-- What came before the first day that is asked for counts on it.
daily_changes as (
    select
        changes.account_id,
        changes.condition_number,
        asked.last_day,
        greatest(changes.date_day, asked.first_day) as date_day,
        sum(changes.change) as change
    from changes
    inner join asked
        on
            changes.account_id = asked.account_id
            and changes.condition_number = asked.condition_number
            and changes.date_day <= asked.last_day
    where asked.first_day <= asked.last_day
    group by
        changes.account_id,
        changes.condition_number,
        asked.last_day,
        greatest(changes.date_day, asked.first_day)
),

stretches as (
    select
        account_id,
        condition_number,
        date_day as first_day,
        coalesce(
            {{ add_days('lead(date_day) ' ~ same_condition, -1) }}, last_day
        ) as last_day,
        cast(sum(change) {{ same_condition }} as decimal(24, 6)) as criterion_value
    from daily_changes
),

event_values as (
    select
        account_id,
        {{ each_day('first_day', 'last_day') }} as date_day,
        condition_number,
        criterion_value
    from stretches{{ from_each_day('first_day', 'last_day') }}
)

select * from event_values
