-- Time to first value of all that started, and by month of start. One row per cohort.
select
    cohort_period, cohort_start, accounts, activated, churned, censored, median_days,
    median_days_lower, median_days_upper,
    activated_share_30d, activated_share_30d_lower, activated_share_30d_upper, missing_because
from rpt_ttv_cohorts
where persona = 'primary' and segment = $segment and product_category = 'all' and cohort_period in
    ('all', 'month')
order by cohort_period, cohort_start
