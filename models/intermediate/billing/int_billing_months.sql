-- The calendar months from the first subscription to the as-of day, one row each.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

first_periods as (
    select min(starts_on) as starts_on from subscription_periods
),

days as (
    select {{ each_day('first_periods.starts_on', 'build_moment.as_of') }} as date_day
    from first_periods
    cross join build_moment
    where first_periods.starts_on <= build_moment.as_of
),

days_with_month as (
    select
        date_day,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start
    from days
),

month_ends as (
    select
        month_start,
        max(date_day) as month_end,
        cast(
            12 * extract(year from month_start) + extract(month from month_start) as integer
        ) as month_number
    from days_with_month
    group by month_start
),

months as (
    select
        month_ends.month_start,
        month_ends.month_end,
        month_ends.month_number,
        cast({{ dbt.date_trunc('month', add_days('month_ends.month_end', 1)) }} as date)
        > month_ends.month_start
        and month_ends.month_end <= build_moment.over_on as is_complete
    from month_ends
    cross join build_moment
)

select * from months
