-- The maturity ladder of the programme itself: which capabilities are in place, by what the marts
-- show or by declaration, and the stage that they make. One row per capability.
with

stages as (
    select * from {{ ref('maturity_stages') }}
),

capabilities as (
    select
        programme_capabilities.*,
        stages.stage_order
    from {{ ref('programme_capabilities') }} as programme_capabilities
    inner join stages
        on programme_capabilities.stage = stages.stage
),

evidence_rows as (
    select
        'guided_tasks' as evidence,
        count(*) as row_count
    from {{ ref('fct_onboardings') }}
    where guided_task_share > 0
    union all
    select
        'activations' as evidence,
        count(*) as row_count
    from {{ ref('fct_time_to_value') }}
    where is_primary and outcome = 'activated'
    union all
    select
        'tasks' as evidence,
        count(*) as row_count
    from {{ ref('fct_interventions') }}
    where status = 'completed'
    union all
    select
        'scores' as evidence,
        count(*) as row_count
    from {{ ref('fct_current_health') }}
    where status = 'scored'
    union all
    select
        'handoffs' as evidence,
        count(*) as row_count
    from {{ ref('fct_expansion_handoffs') }}
    union all
    select
        'experiments' as evidence,
        count(*) as row_count
    from {{ ref('int_experiment_arms') }}
    union all
    select
        'alerts' as evidence,
        count(*) as row_count
    from {{ ref('fct_alerts') }}
    union all
    select
        'deliveries' as evidence,
        count(*) as row_count
    from {{ ref('rpt_sync_deliveries') }}
    where acknowledged > 0
),

capabilities_with_state as (
    select
        capabilities.*,
        evidence_rows.row_count,
        case
            when capabilities.evidence is null then coalesce(capabilities.is_declared, false)
            else evidence_rows.row_count >= capabilities.min_rows
        end as is_in_place
    from capabilities
    left join evidence_rows
        on capabilities.evidence = evidence_rows.evidence
),

-- The programme stands at the last stage up to which no capability is missing.
programme_stages as (
    select
        coalesce(
            min(case when not is_in_place then stage_order end) - 1, max(stage_order)
        ) as stage_order
    from capabilities_with_state
),

maturity as (
    select
        capabilities_with_state.capability,
        capabilities_with_state.stage,
        capabilities_with_state.stage_order,
        capabilities_with_state.capability_name,
        case when capabilities_with_state.evidence is null then 'declared' else 'seen' end
            as known_by,
        capabilities_with_state.evidence,
        cast(capabilities_with_state.row_count as bigint) as row_count,
        capabilities_with_state.min_rows,
        capabilities_with_state.is_in_place,
        coalesce(stages.stage, 'none') as programme_stage,
        capabilities_with_state.stage_order = programme_stages.stage_order + 1
        and not capabilities_with_state.is_in_place as is_next
    from capabilities_with_state
    cross join programme_stages
    left join stages
        on programme_stages.stage_order = stages.stage_order
)

select * from maturity
