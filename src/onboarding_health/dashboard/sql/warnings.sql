-- What the build warned of. One row per sentence.
select topic, sentence
from fct_build_warnings
order by topic_order, place
