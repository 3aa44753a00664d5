-- How long until customers reach first value, and is it getting faster? Monthly cohorts of the
-- primary milestone; young cohorts are null.
with

cohorts as (
    select * from {{ ref('rpt_ttv_cohorts') }}
),

monthly_cohorts as (
    select
        cohort_start,
        accounts,
        activated,
        churned,
        median_days,
        median_days_lower,
        median_days_upper,
        at_risk_30d,
        activated_share_30d,
        activated_share_30d_lower,
        activated_share_30d_upper,
        missing_because
    from cohorts
    where
        cohort_period = 'month'
        and persona = 'primary'
        and segment = 'all'
        and product_category = 'all'
)

select * from monthly_cohorts
order by cohort_start
