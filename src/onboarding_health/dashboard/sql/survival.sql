-- Share of accounts that reached first value by day, with its interval. One row per segment and day.
select
    segment, day, at_risk, activated_share, activated_share_lower, activated_share_upper,
    churned_share
from rpt_ttv_survival
where persona = 'primary' and product_category = 'all' and cohort_period = 'all' and segment in
    ('all', $segment) and day <= 120
order by segment, day
