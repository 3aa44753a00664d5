{{ config(severity='warn') }}

select sentence
from {{ ref('build_warnings') }}
where topic = 'validation'
