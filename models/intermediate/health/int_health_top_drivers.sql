with

changed_dates as (
    {{ changed_dates() }}
),

ranked_drivers as (
    select
        drivers.account_id,
        drivers.score_date,
        drivers.track,
        drivers.metric,
        drivers.points,
        drivers.points_lost,
        row_number() over (
            partition by drivers.account_id, drivers.score_date, drivers.track
            order by drivers.points desc, drivers.metric asc
        ) as gain_rank,
        row_number() over (
            partition by drivers.account_id, drivers.score_date, drivers.track
            order by drivers.points_lost desc, drivers.metric asc
        ) as loss_rank
    from {{ ref('int_health_drivers') }} as drivers
    inner join changed_dates
        on drivers.score_date = changed_dates.score_date
),

top_drivers as (
    select
        account_id,
        score_date,
        track,
        max(case when gain_rank = 1 and points > 0 then metric end) as top_driver_up,
        max(case when loss_rank = 1 and points_lost > 0 then metric end) as top_driver_down
    from ranked_drivers
    group by account_id, score_date, track
)

select * from top_drivers
