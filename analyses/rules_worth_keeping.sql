-- Which risk rules name accounts that leave, and which could be dropped? Each verdict with its
-- numbers.
with

rules as (
    select * from {{ ref('rpt_risk_rules') }}
),

judged_rules as (
    select
        rule_id,
        rule,
        horizon_days,
        flagged_accounts,
        flagged_share,
        base_rate,
        precision_rate,
        precision_lower,
        precision_upper,
        recall_rate,
        median_lead_days,
        finding,
        verdict
    from rules
    where segment = 'all'
)

select * from judged_rules
order by horizon_days asc, precision_lower desc, rule_id asc
