-- The scores of an account over time. One row per score date.
select score_date, status, score, band, model_version
from fct_account_health
where account_id = $account
order by score_date
