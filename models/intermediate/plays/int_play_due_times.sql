-- When each opened task is due, by hours of the clock or business hours of the account's country
-- and timezone. One row per opened task.
with

tasks as (
    select * from {{ ref('int_play_tasks') }}
    where turn = 'opened'
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

playbooks as (
    select * from {{ ref('playbooks') }}
),

timezones as (
    select * from {{ ref('timezones') }}
),

business_days as (
    select * from {{ ref('int_business_days') }}
),

calendars as (
    select distinct calendar from business_days
),

-- A day's data is complete when the day is over, so tasks open at the end of their day.
opened_tasks as (
    select
        tasks.task_id,
        playbooks.due_within_hours,
        playbooks.uses_business_hours,
        coalesce(timezones.timezone, '{{ var("default_timezone") }}') as timezone,
        coalesce(calendars.calendar, 'any') as calendar,
        {{ day_starts_at(add_days('tasks.opens_on', 1)) }} as opened_at
    from tasks
    inner join accounts
        on tasks.account_id = accounts.account_id
    inner join playbooks
        on tasks.play_id = playbooks.play_id
    left join timezones
        on accounts.timezone = timezones.timezone
    left join calendars
        on accounts.country = calendars.calendar
),

local_tasks as (
    select
        opened_tasks.*,
        {{ local_time('opened_at', 'timezone') }} as opened_locally
    from opened_tasks
    where uses_business_hours
),

-- A due time as a minute on the line of all business minutes of the calendar, its days joined end
-- to end.
due_minutes as (
    select
        local_tasks.task_id,
        local_tasks.calendar,
        business_days.minutes_before
        + greatest(
            least(
                cast(
                    floor(
                        {{ microseconds_between(
                            'cast(business_days.date_day as timestamp)',
                            'local_tasks.opened_locally'
                        ) }} / 60000000.0
                    ) as bigint
                ) - business_days.opens_minute,
                business_days.open_minutes
            ),
            0
        )
        + 60 * local_tasks.due_within_hours as due_minute
    from local_tasks
    inner join business_days
        on
            local_tasks.calendar = business_days.calendar
            and cast(local_tasks.opened_locally as date) = business_days.date_day
),

days_and_due_minutes as (
    select
        calendar,
        cast(null as {{ dbt.type_string() }}) as task_id,
        date_day,
        minutes_before as line_minute,
        1 as mark
    from business_days
    where open_minutes > 0
    union all
    select
        calendar,
        task_id,
        cast(null as date) as date_day,
        due_minute as line_minute,
        0 as mark
    from due_minutes
),

-- The day of a minute on the line is the last one that begins before it: a running maximum over
-- days and due minutes. The last minute of a day is that day's and not the first of the next, so
-- due minutes sort before days.
due_days as (
    select
        calendar,
        task_id,
        line_minute,
        max(date_day) over (
            partition by calendar order by line_minute, mark
            rows between unbounded preceding and current row
        ) as due_day
    from days_and_due_minutes
),

local_due_times as (
    select
        due_days.task_id,
        {{ add_time(
            'cast(due_days.due_day as timestamp)',
            '(business_days.opens_minute + due_days.line_minute - business_days.minutes_before)',
            'minute'
        ) }} as due_locally
    from due_days
    inner join business_days
        on
            due_days.calendar = business_days.calendar
            and due_days.due_day = business_days.date_day
    where due_days.task_id is not null
),

due_times as (
    select
        opened_tasks.task_id,
        opened_tasks.opened_at,
        opened_tasks.timezone,
        opened_tasks.calendar,
        case
            when opened_tasks.uses_business_hours
                then {{ utc_time('local_due_times.due_locally', 'opened_tasks.timezone') }}
            else {{ add_time('opened_tasks.opened_at', 'opened_tasks.due_within_hours', 'hour') }}
        end as due_at
    from opened_tasks
    left join local_due_times
        on opened_tasks.task_id = local_due_times.task_id
)

select * from due_times
