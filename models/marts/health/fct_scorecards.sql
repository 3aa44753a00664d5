-- Scores that answer a question of their own beside the live health score. One row per scorecard,
-- account and score date.
with

scorecards as (
    select * from {{ ref('scorecards') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
),

top_drivers as (
    select * from {{ ref('int_health_top_drivers') }}
),

scorecard_scores as (
    select
        scorecards.track as scorecard,
        scores.account_id,
        scores.score_date,
        scorecards.label,
        scorecards.question,
        scorecards.owner_role,
        scores.model_version,
        scores.segment,
        scores.product_category,
        scores.status,
        cast(scores.score as decimal(9, 2)) as score,
        scores.band,
        cast(scores.coverage as decimal(9, 4)) as coverage,
        top_drivers.top_driver_up,
        top_drivers.top_driver_down
    from scores
    inner join scorecards
        on scores.track = scorecards.track
    left join top_drivers
        on
            scores.account_id = top_drivers.account_id
            and scores.score_date = top_drivers.score_date
            and scores.track = top_drivers.track
    where scores.status not in ('churned', 'completed')
)

select * from scorecard_scores
