-- What each risk rule is worth, in words. One row per rule.
select
    rule, flagged_accounts, flagged_count, churned_count, base_rate, precision_rate,
    precision_lower, precision_upper, lift, median_lead_days, verdict
from rpt_risk_rules
where segment = 'all' and horizon_days = $horizon
order by lift desc nulls last, flagged_count desc, rule
