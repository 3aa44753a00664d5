-- What makes an account's current score: points and lost points. One row per metric that counts, or counted a week ago.
select
    metric, coalesce(label, replace(metric, '_', ' ')) as label, value_status, last_seen_on,
    weight, points, points_lost, points_change_7d
from fct_health_explained_metrics
where account_id = $account and (weight > 0 or points_change_7d <> 0)
order by points_lost desc, metric
