-- The risk rule of each segment: the segment's own row of risk_rules before that of `any`. One row
-- per segment and rule.
{{ config(materialized='view') }}

with

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

-- A rule's row for the segment itself goes before the one for any segment.
ranked_rules as (
    select
        size_classes.segment,
        risk_rules.rule_id,
        risk_rules.rule,
        risk_rules.from_day,
        risk_rules.to_day,
        risk_rules.severity,
        risk_rules.owner_role,
        risk_rules.clear_after_days,
        risk_rules.band_cap,
        row_number() over (
            partition by size_classes.segment, risk_rules.rule_id
            order by case when risk_rules.segment = 'any' then 1 else 0 end
        ) as preference_rank
    from size_classes
    inner join risk_rules
        on risk_rules.segment in (size_classes.segment, 'any')
),

segment_rules as (
    select
        segment,
        rule_id,
        rule,
        from_day,
        to_day,
        severity,
        owner_role,
        clear_after_days,
        band_cap
    from ranked_rules
    where preference_rank = 1
)

select * from segment_rules
