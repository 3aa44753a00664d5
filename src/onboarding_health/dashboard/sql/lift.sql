-- Churn by tenth of the score, the worst first. One row per bucket.
select bucket, lowest_score, highest_score, observations, churners, churn_rate, lift, captured_share
from rpt_health_lift
where
    predictor = 'score' and segment = 'all' and population = 'all' and split = 'all' and basis =
    'restated'
    and horizon_days = $horizon and model_version = $version
order by bucket
