-- What is not observed, or was not for a while. One row per sentence.
select source, sentence, observed_from, observed_until, is_silent
from fct_stream_coverage
where is_used and (is_silent or stretch > 1 or sentence like '%stopped%')
order by is_silent desc, source, observed_from
