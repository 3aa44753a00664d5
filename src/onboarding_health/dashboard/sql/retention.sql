-- Net and gross retention by month, of the longest window that is followed. One row per month that is over.
select
    window_months, month_start, month_end, at_risk_accounts, net_retention, net_retention_lower,
    net_retention_upper,
    gross_retention, gross_retention_lower, gross_retention_upper, logo_churn, logo_churn_lower,
    logo_churn_upper,
    cancelled_arr_share, contracted_arr_share, missing_because
from rpt_revenue_retention
where segment = $segment and cohort = 'all' and is_complete
qualify window_months = max(window_months) filter (net_retention is not null) over ()
order by month_start
