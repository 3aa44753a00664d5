-- base_events raises the first problem with its remedy: wait, so that its message comes first.
-- depends_on: {{ ref('base_events') }}
select *
from {{ ref('configuration_problems') }}
