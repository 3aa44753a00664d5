-- The segments of the accounts. One row per segment.
select segment, count(*) as accounts
from dim_accounts
group by segment
order by accounts desc, segment
