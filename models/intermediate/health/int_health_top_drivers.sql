with

changed_dates as (
    select health_dates.score_date
    from {{ ref('int_health_dates') }} as health_dates
    {% if is_incremental() -%}
    inner join {{ ref('base_build_moment') }} as build_moment
        on health_dates.build_number > build_moment.last_build_number
    {%- endif %}
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
