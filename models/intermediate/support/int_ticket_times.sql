-- Each ticket event on the business hours of its account, so that business time between two events
-- is a subtraction. One row per event of a ticket with a creation.
with

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
    where has_creation
),

accounts as (
    select * from {{ ref('int_accounts') }}
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

placed_events as (
    select
        ticket_events.document,
        ticket_events.event_number,
        ticket_events.clock_at,
        coalesce(calendars.calendar, 'any') as calendar,
        coalesce(timezones.timezone, '{{ var("default_timezone") }}') as timezone
    from ticket_events
    inner join accounts
        on ticket_events.account_id = accounts.account_id
    left join timezones
        on accounts.timezone = timezones.timezone
    left join calendars
        on accounts.country = calendars.calendar
),

local_times as (
    select
        placed_events.*,
        {{ local_time('clock_at', 'timezone') }} as local_at
    from placed_events
),

microseconds_open as (
    select
        local_times.*,
        60000000 * business_days.minutes_before as before_day,
        60000000 * business_days.open_minutes as on_day,
        {{ microseconds_between(
            'cast(business_days.date_day as timestamp)', 'local_times.local_at'
        ) }} - 60000000 * business_days.opens_minute as since_opening
    from local_times
    inner join business_days
        on
            local_times.calendar = business_days.calendar
            and cast(local_times.local_at as date) = business_days.date_day
),

-- business_line is cumulative business time of the calendar, in microseconds.
ticket_times as (
    select
        document,
        event_number,
        calendar,
        timezone,
        before_day + case
            when since_opening < 0 then 0
            when since_opening > on_day then on_day
            else since_opening
        end as business_line
    from microseconds_open
)

select * from ticket_times
