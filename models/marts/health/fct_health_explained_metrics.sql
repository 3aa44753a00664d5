-- The metrics behind the current score beside those of the last score at least a week earlier. One
-- row per account and metric.
with

current_health as (
    select * from {{ ref('fct_current_health') }}
    where status = 'scored'
),

health as (
    select * from {{ ref('fct_account_health') }}
    where status = 'scored'
),

drivers as (
    select * from {{ ref('fct_health_drivers') }}
),

earlier_drivers as (
    select
        account_id,
        score_date,
        metric,
        points
    from {{ ref('fct_health_drivers') }}
),

metric_advice as (
    select
        metric,
        label
    from {{ ref('metric_advice') }}
),

earlier_dates as (
    select
        current_health.account_id,
        max(health.score_date) as compared_on
    from current_health
    inner join health
        on
            current_health.account_id = health.account_id
            and {{ add_days('health.score_date', 7) }} <= current_health.score_date
    group by current_health.account_id
),

drivers_now as (
    select drivers.*
    from current_health
    inner join drivers
        on
            current_health.account_id = drivers.account_id
            and current_health.score_date = drivers.score_date
),

drivers_before as (
    select
        earlier_drivers.account_id,
        earlier_drivers.metric,
        earlier_drivers.points
    from earlier_dates
    inner join earlier_drivers
        on
            earlier_dates.account_id = earlier_drivers.account_id
            and earlier_dates.compared_on = earlier_drivers.score_date
),

driver_pairs as (
    select
        coalesce(drivers_now.account_id, drivers_before.account_id) as account_id,
        coalesce(drivers_now.metric, drivers_before.metric) as metric,
        drivers_now.value_status,
        drivers_now.last_seen_on,
        drivers_now.value,
        drivers_now.normalised,
        drivers_now.weight,
        coalesce(drivers_now.points, 0) as points,
        coalesce(drivers_now.points_lost, 0) as points_lost,
        drivers_now.peer_median,
        coalesce(drivers_before.points, 0) as points_before
    from drivers_now
    full outer join drivers_before
        on
            drivers_now.account_id = drivers_before.account_id
            and drivers_now.metric = drivers_before.metric
),

explained_metrics as (
    select
        driver_pairs.account_id,
        current_health.score_date,
        driver_pairs.metric,
        metric_advice.label,
        driver_pairs.value_status,
        driver_pairs.last_seen_on,
        driver_pairs.value,
        driver_pairs.peer_median,
        driver_pairs.normalised,
        driver_pairs.weight,
        cast(driver_pairs.points as decimal(9, 2)) as points,
        cast(driver_pairs.points_lost as decimal(9, 2)) as points_lost,
        earlier_dates.compared_on,
        cast(
            case
                when earlier_dates.compared_on is not null
                    then driver_pairs.points - driver_pairs.points_before
            end
            as decimal(9, 2)
        ) as points_change_7d
    from driver_pairs
    inner join current_health
        on driver_pairs.account_id = current_health.account_id
    left join earlier_dates
        on driver_pairs.account_id = earlier_dates.account_id
    left join metric_advice
        on driver_pairs.metric = metric_advice.metric
)

select * from explained_metrics
