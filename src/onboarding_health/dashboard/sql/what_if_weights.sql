-- The weights of the score version that most accounts have, as they count now. One row per metric.
with

versions as (
    select model_version
    from fct_current_health
    where status = 'scored'
    group by model_version
    order by count(*) desc, model_version
    limit 1
)

select
    health.model_version,
    metrics.metric,
    coalesce(any_value(metrics.label), replace(metrics.metric, '_', ' ')) as label,
    max(metrics.weight) as weight,
    count(metrics.normalised) as observed
from fct_health_explained_metrics as metrics
inner join fct_current_health as health using (account_id)
inner join versions on health.model_version = versions.model_version
where metrics.weight is not null
group by health.model_version, metrics.metric
order by weight desc, metrics.metric
