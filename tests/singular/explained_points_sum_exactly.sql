with

explanations as (
    select * from {{ ref('fct_health_explanations') }}
    where status = 'scored'
),

explained_metrics as (
    select
        account_id,
        sum(points) as points,
        sum(points_change_7d) as points_change_7d
    from {{ ref('fct_health_explained_metrics') }}
    group by account_id
),

steps as (
    select
        account_id,
        max(case when is_band_within_reach then 1 else 0 end) as is_band_within_reach,
        sum(case when is_needed then step_points else 0 end) as step_points,
        0.01 * count(*) as rounded_off
    from {{ ref('fct_health_steps') }}
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
        coalesce(steps.is_band_within_reach, 0) as is_band_within_reach,
        steps.step_points + steps.rounded_off as step_points_at_most,
        steps.step_points - steps.rounded_off as step_points_at_least
    from explanations
    left join explained_metrics
        on explanations.account_id = explained_metrics.account_id
    left join steps
        on explanations.account_id = steps.account_id
)

select * from compared
where
    coalesce(points <> score, true)
    or coalesce(points_change_7d <> change_7d, false)
    or (points_change_7d is null) <> (change_7d is null)
    or (is_band_within_reach = 1 and step_points_at_most < points_to_next_band)
    or (is_band_within_reach = 0 and step_points_at_least > points_to_next_band)
    or (step_points_at_most is not null and points_to_next_band is null)
