-- Whether the score predicts churn, in words. One row per horizon and basis.
select
    model_version, horizon_days, basis, observations, churners, auc, auc_lower, auc_upper,
    finding, verdict
from rpt_health_validation
where predictor = 'score' and segment = 'all' and is_deciding and population = 'all' and finding <>
    'not_published'
order by horizon_days, basis
