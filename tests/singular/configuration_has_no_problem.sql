-- base_events raises the first problem with its remedy; waiting for it lets that message come first.
-- depends_on: {{ ref('base_events') }}
select *
from {{ ref('configuration_problems') }}
