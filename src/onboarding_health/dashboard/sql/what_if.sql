-- The book under other weights and edges: points over the weight of what is observed, as the score is made. One row per account
-- that is scored by the version; both bands are by their edges alone.
with

weights as (
    select unnest($metrics::text[]) as metric, unnest($weights::double[]) as weight
),

scores as (
    select
        metrics.account_id,
        100 * sum(metrics.normalised * metrics.weight)
        / nullif(sum(metrics.weight) filter (metrics.normalised is not null), 0) as score_now,
        100 * sum(metrics.normalised * weights.weight)
        / nullif(sum(weights.weight) filter (metrics.normalised is not null), 0) as score_then
    from fct_health_explained_metrics as metrics
    left join weights using (metric)
    group by metrics.account_id
)

select
    health.account_id,
    health.account_name,
    health.segment,
    health.arr,
    health.score,
    round(scores.score_now, 2) as score_now,
    round(scores.score_then, 2) as score_then,
    case
        when round(scores.score_now, 2) >= $green_now then 'green'
        when round(scores.score_now, 2) >= $yellow_now then 'yellow'
        else 'red'
    end as band_now,
    case
        when round(scores.score_then, 2) >= $green then 'green'
        when round(scores.score_then, 2) >= $yellow then 'yellow'
        when scores.score_then is not null then 'red'
    end as band_then
from fct_current_health as health
inner join scores using (account_id)
where health.status = 'scored' and health.model_version = $version
order by abs(scores.score_then - scores.score_now) desc nulls first, health.arr desc, health.account_id
