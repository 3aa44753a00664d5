-- What was refused, by reason. One row per stream and reason.
select
    source, replace(reject_reason, '_', ' ') as reason, count(*) as rejected, max(loaded_at) as
    last_loaded_at
from fct_rejected_events
group by all
order by rejected desc, source, reason
