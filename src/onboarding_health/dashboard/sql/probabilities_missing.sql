-- Why no probability of churn is known. One row per reason, the most common first.
select missing_because, count(*) as accounts
from fct_churn_probabilities
inner join fct_current_health using (account_id)
where horizon_days = $horizon and missing_because is not null and fct_current_health.status =
    'scored'
group by missing_because
order by accounts desc
