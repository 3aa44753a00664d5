select sentence
from {{ ref('fct_build_warnings') }}
where topic = 'volume'
