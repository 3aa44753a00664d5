-- The slices that the funnel is told by. One row per dimension and value.
select distinct dimension, dimension_value
from rpt_onboarding_funnel
where dimension in ('all', 'segment', 'category', 'persona', 'variant')
order by dimension, dimension_value
