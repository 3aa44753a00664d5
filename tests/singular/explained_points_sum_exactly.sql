with

explanations as (
    select * from {{ ref('health_explanations') }}
    where status = 'scored'
),

explained_metrics as (
    select
        account_id,
        sum(points) as points,
        sum(points_change_7d) as points_change_7d,
        sum(step_points) as step_points
    from {{ ref('health_explained_metrics') }}
    group by account_id
),

compared as (
    select
        explanations.account_id,
        explanations.score,
        explanations.change_7d,
        explanations.points_to_next_band,
        explained_metrics.points,
        explained_metrics.points_change_7d,
        explained_metrics.step_points
    from explanations
    left join explained_metrics
        on explanations.account_id = explained_metrics.account_id
)

select * from compared
where
    coalesce(points <> score, true)
    or coalesce(points_change_7d <> change_7d, false)
    or (points_change_7d is null) <> (change_7d is null)
    or coalesce(step_points <> points_to_next_band, false)
    or (step_points is null) <> (points_to_next_band is null)
