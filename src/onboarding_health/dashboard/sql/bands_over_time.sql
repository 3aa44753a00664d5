-- Accounts and their share by band on each weekly score date. One row per date.
select
    score_date,
    count(*) as scored,
    count(*) filter (band = 'green') as green,
    count(*) filter (band = 'yellow') as yellow,
    count(*) filter (band = 'red') as red
from fct_account_health
where status = 'scored' and ($segment::text = 'all' or segment = $segment)
group by score_date
having score_date = (select max(score_date) from fct_account_health) or isodow(score_date) = 1
order by score_date
