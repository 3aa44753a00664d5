-- Predicted against observed churn. One row per bin with observations.
select
    bin, score_from, score_to, observations, churners, predicted_rate, observed_rate,
    observed_lower, observed_upper
from rpt_health_calibration
where
    predictor = 'score' and segment = 'all' and population = 'all' and split = 'all' and basis =
    'restated'
    and horizon_days = $horizon and model_version = $version and observations > 0
order by bin
