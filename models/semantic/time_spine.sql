-- The days that MetricFlow joins to: all from the first account's start to the build's day. One row
-- per day.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

period as (
    select
        min(started_on) as first_day,
        max(as_of) as last_day
    from accounts
),

observed_period as (
    select * from period
    where first_day is not null
),

days as (
    select
        {{ each_day('first_day', 'last_day') }} as date_day
    from observed_period{{ from_each_day('first_day', 'last_day') }}
)

select * from days
