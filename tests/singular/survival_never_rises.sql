with

survival as (
    select * from {{ ref('rpt_ttv_survival') }}
),

followed as (
    select
        cohort_key,
        day,
        survival,
        at_risk,
        activated + churned + censored as leaving,
        lead(survival) over (partition by cohort_key order by day) as next_survival,
        lead(at_risk, 1, 0) over (partition by cohort_key order by day) as next_at_risk
    from survival
)

select * from followed
where
    next_survival > survival
    or coalesce(at_risk - leaving > next_at_risk, true)
