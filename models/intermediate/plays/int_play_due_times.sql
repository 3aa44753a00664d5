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

-- What a day tells is complete when it is over, so tasks open at the end of their day.
opened as (
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

clocked as (
    select
        opened.*,
        {{ local_time('opened_at', 'timezone') }} as opened_locally
    from opened
    where uses_business_hours
),

-- On the line of all business minutes of the calendar, those of its days joined end to end.
counted as (
    select
        clocked.task_id,
        clocked.calendar,
        business_days.minutes_before
        + greatest(
            least(
                cast(
                    floor(
                        {{ microseconds_between(
                            'cast(business_days.date_day as timestamp)', 'clocked.opened_locally'
                        ) }} / 60000000.0
                    ) as bigint
                ) - business_days.opens_minute,
                business_days.open_minutes
            ),
            0
        )
        + 60 * clocked.due_within_hours as due_minute
    from clocked
    inner join business_days
        on
            clocked.calendar = business_days.calendar
            and cast(clocked.opened_locally as date) = business_days.date_day
),

lined_up as (
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
    from counted
),

-- The last minute of a day is that day's and not the first of the next.
found as (
    select
        calendar,
        task_id,
        line_minute,
        max(date_day) over (
            partition by calendar order by line_minute, mark
            rows between unbounded preceding and current row
        ) as due_day
    from lined_up
),

due_locally as (
    select
        found.task_id,
        {{ add_time(
            'cast(found.due_day as timestamp)',
            '(business_days.opens_minute + found.line_minute - business_days.minutes_before)',
            'minute'
        ) }} as due_locally
    from found
    inner join business_days
        on
            found.calendar = business_days.calendar
            and found.due_day = business_days.date_day
    where found.task_id is not null
),

due_times as (
    select
        opened.task_id,
        opened.opened_at,
        opened.timezone,
        opened.calendar,
        case
            when opened.uses_business_hours
                then {{ utc_time('due_locally.due_locally', 'opened.timezone') }}
            else {{ add_time('opened.opened_at', 'opened.due_within_hours', 'hour') }}
        end as due_at
    from opened
    left join due_locally
        on opened.task_id = due_locally.task_id
)

select * from due_times
