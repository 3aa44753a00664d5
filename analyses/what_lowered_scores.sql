-- What lowered the scores of the book in four weeks? Points lost per metric, then and now, of the
-- accounts that were scored both times.
with

health as (
    select * from {{ ref('fct_current_health') }}
),

drivers as (
    select * from {{ ref('fct_health_drivers') }}
),

-- Scores are weekly: the last date at least 28 days back.
date_pairs as (
    select
        health.account_id,
        health.score_date,
        max(drivers.score_date) as earlier_date
    from health
    inner join drivers
        on
            health.account_id = drivers.account_id
            and drivers.score_date <= {{ add_days('health.score_date', '-28') }}
    group by health.account_id, health.score_date
),

driver_changes as (
    select
        later.account_id,
        later.metric,
        later.points_lost - earlier.points_lost as more_points_lost
    from date_pairs
    inner join drivers as later
        on
            date_pairs.account_id = later.account_id
            and date_pairs.score_date = later.score_date
    inner join drivers as earlier
        on
            date_pairs.account_id = earlier.account_id
            and date_pairs.earlier_date = earlier.score_date
            and later.metric = earlier.metric
            and later.model_version = earlier.model_version
),

metric_changes as (
    select
        metric,
        count(*) as accounts,
        sum(case when more_points_lost > 0 then 1 else 0 end) as accounts_lowered,
        sum(case when more_points_lost < 0 then 1 else 0 end) as accounts_raised,
        avg(more_points_lost) as mean_points_lost
    from driver_changes
    group by metric
)

select * from metric_changes
order by mean_points_lost desc, metric asc
