-- Business minutes of each calendar's days and their running total, by which any span of business
-- hours is a subtraction. One row per calendar and day.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

business_hours as (
    select * from {{ ref('business_hours') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

calendars as (
    select country as calendar from business_hours
    union distinct
    select country as calendar from holidays
),

-- A year after the build is enough for any task to fall due; configuration_problems checks that. An
-- account's clock may be up to two days behind that of the company.
spans as (
    select
        {{ add_days('min(accounts.started_on)', -2) }} as first_day,
        {{ add_days('max(build_moment.as_of)', 366) }} as last_day
    from accounts
    cross join build_moment
),

days as (
    select {{ each_day('first_day', 'last_day') }} as date_day
    from spans{{ from_each_day('first_day', 'last_day') }}
    where first_day is not null
),

own_hours as (
    select distinct country from business_hours
),

calendar_days as (
    select
        calendars.calendar,
        days.date_day,
        {{ iso_weekday('days.date_day') }} as weekday,
        coalesce(own_hours.country, 'any') as hours_of
    from calendars
    cross join days
    left join own_hours
        on calendars.calendar = own_hours.country
),

calendar_hours as (
    select
        calendar_days.calendar,
        calendar_days.date_day,
        case
            when holidays.holiday_on is null and business_hours.weekday is not null
                then cast(floor(60 * business_hours.opens_hour) as bigint)
            else 0
        end as opens_minute,
        case
            when holidays.holiday_on is null and business_hours.weekday is not null
                then
                    cast(
                        floor(60 * (business_hours.closes_hour - business_hours.opens_hour))
                        as bigint
                    )
            else 0
        end as open_minutes
    from calendar_days
    left join business_hours
        on
            calendar_days.hours_of = business_hours.country
            and calendar_days.weekday = business_hours.weekday
    left join holidays
        on
            calendar_days.calendar = holidays.country
            and calendar_days.date_day = holidays.holiday_on
),

business_days as (
    select
        calendar,
        date_day,
        opens_minute,
        open_minutes,
        cast(
            sum(open_minutes) over (
                partition by calendar order by date_day
                rows between unbounded preceding and current row
            ) - open_minutes as bigint
        ) as minutes_before
    from calendar_hours
)

select * from business_days
