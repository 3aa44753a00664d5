-- Who has live accounts, and how many. One row per owner.
select owner_id, count(*) as accounts
from fct_current_health
where status not in ('churned', 'completed') and owner_id is not null
group by owner_id
order by owner_id
