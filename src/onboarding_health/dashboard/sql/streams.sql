-- Where every raw row went, and since when a stream is silent. One row per stream.
select
    rows.source, rows.raw_count, rows.staged_count, rows.rejected_count, coverage.last_event_on,
    coverage.is_silent
from rpt_stream_reconciliation as rows
left join (
    select source, max(last_event_on) as last_event_on, bool_or(is_silent) as is_silent
    from fct_stream_coverage
    where subject = 'any'
    group by source
) as coverage using (source)
order by rows.source
