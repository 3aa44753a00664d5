-- The criteria of the risk rules, with one number for equal criteria, so that each is computed
-- once. One row per rule and criterion.
{{ config(materialized='view') }}

with

risk_criteria as (
    select * from {{ ref('risk_criteria') }}
),

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

signals as (
    select * from {{ ref('signals') }}
),

rule_days as (
    select
        rule_id,
        min(from_day) as from_day,
        max(coalesce(to_day, 1000000)) as to_day
    from risk_rules
    group by rule_id
),

risk_conditions as (
    select
        risk_criteria.*,
        rule_days.from_day,
        rule_days.to_day,
        case
            when risk_criteria.measure = 'milestone_days_overdue' then 'since'
            else signals.occasion
        end as occasion,
        dense_rank() over (
            order by
                risk_criteria.measure,
                risk_criteria.subject,
                risk_criteria.operator,
                risk_criteria.threshold,
                risk_criteria.within_days,
                risk_criteria.min_days,
                risk_criteria.sustained_days,
                risk_criteria.holds_when_null
        ) as condition_number,
        count(*) over (partition by risk_criteria.rule_id) as criterion_count
    from risk_criteria
    inner join rule_days
        on risk_criteria.rule_id = rule_days.rule_id
    left join signals
        on
            case when risk_criteria.measure = 'signal' then risk_criteria.subject end
            = signals.signal
)

select * from risk_conditions
