-- The metric that adds and the one that costs the most points. One row per account, score date and
-- track.
with

changed_dates as (
    {{ changed_dates() }}
),

drivers as (
    select drivers.*
    from {{ ref('int_health_drivers') }} as drivers
    inner join changed_dates
        on drivers.score_date = changed_dates.score_date
),

most_points as (
    select
        account_id,
        score_date,
        track,
        max(points) as points,
        max(points_lost) as points_lost
    from drivers
    group by account_id, score_date, track
),

top_drivers as (
    select
        drivers.account_id,
        drivers.score_date,
        drivers.track,
        min(
            case
                when drivers.points = most_points.points and drivers.points > 0
                    then drivers.metric
            end
        ) as top_driver_up,
        min(
            case
                when drivers.points_lost = most_points.points_lost and drivers.points_lost > 0
                    then drivers.metric
            end
        ) as top_driver_down
    from drivers
    inner join most_points
        on
            drivers.account_id = most_points.account_id
            and drivers.score_date = most_points.score_date
            and drivers.track = most_points.track
    group by drivers.account_id, drivers.score_date, drivers.track
)

select * from top_drivers
