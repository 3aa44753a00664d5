{{ config(materialized='view') }}

-- Sub-scores: the points of the metrics of a category, of those it could have. One row per account,
-- score date and category.
with

drivers as (
    select * from {{ ref('fct_health_drivers') }}
),

metric_advice as (
    select * from {{ ref('metric_advice') }}
),

category_sums as (
    select
        drivers.account_id,
        drivers.score_date,
        metric_advice.category,
        drivers.model_version,
        sum(drivers.weight) as weight,
        sum(
            case
                when drivers.value_status in ('observed', 'last_seen') then drivers.weight else 0
            end
        ) as observed_weight,
        sum(drivers.points) as points,
        sum(drivers.points_lost) as points_lost
    from drivers
    inner join metric_advice
        on drivers.metric = metric_advice.metric
    group by
        drivers.account_id, drivers.score_date, metric_advice.category, drivers.model_version
),

subscores as (
    select
        account_id,
        score_date,
        category,
        model_version,
        cast(weight as decimal(9, 6)) as weight,
        cast(observed_weight as decimal(9, 6)) as observed_weight,
        cast(points as decimal(9, 2)) as points,
        cast(points_lost as decimal(9, 2)) as points_lost,
        {%- set share = as_double('points') ~ ' / nullif(points + points_lost, 0)' %}
        {{ round_half_up('100 * ' ~ share, 2) }} as subscore
    from category_sums
    where weight > 0
)

select * from subscores
