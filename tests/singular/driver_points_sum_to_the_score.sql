with

health as (
    select * from {{ ref('fct_account_health') }}
    where status = 'scored'
),

drivers as (
    select
        account_id,
        score_date,
        sum(points) as points,
        sum(points_lost) as points_lost,
        min(points) as lowest_points
    from {{ ref('fct_health_drivers') }}
    group by account_id, score_date
),

compared as (
    select
        health.account_id,
        health.score_date,
        health.score,
        drivers.points,
        drivers.points_lost,
        drivers.lowest_points
    from health
    left join drivers
        on
            health.account_id = drivers.account_id
            and health.score_date = drivers.score_date
)

select * from compared
where
    coalesce(points <> score, true)
    or lowest_points < 0
    -- Points and points lost are rounded one by one, so together they may miss 100 by a hundredth.
    or abs(points + points_lost - 100) > 0.01
