select sentence
from {{ ref('build_warnings') }}
where topic = 'rules'
