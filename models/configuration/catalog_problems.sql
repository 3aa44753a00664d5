-- Contradictions within seeds/catalog, which the checks of single cells (column_problems) cannot
-- find. One row per problem.
with

journeys as (
    select * from {{ ref('journeys') }}
),

milestones as (
    select * from {{ ref('milestones') }}
),

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

signals as (
    select * from {{ ref('signals') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

adoption_baselines as (
    select
        feature,
        week,
        baseline_share,
        lag(baseline_share) over (partition by feature order by week) as share_before
    from {{ ref('adoption_baselines') }}
),

problems as (
    select
        'catalog/tracking_plan.csv' as file_path,
        'feature ' || feature as row_key,
        'its event types say different deep_use_days.' as problem,
        'Give all of them the same, or none.' as remedy
    from tracking_plan
    where feature is not null
    group by feature
    having count(distinct coalesce(deep_use_days, 0)) > 1
    union all
    select
        'catalog/adoption_baselines.csv' as file_path,
        'feature ' || feature || ', week ' || cast(week as {{ dbt.type_string() }}) as row_key,
        'fewer are to have adopted the feature by then than by the week before.' as problem,
        'Raise the share, or lower that of the earlier week.' as remedy
    from adoption_baselines
    where baseline_share < share_before
    union all
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category as row_key,
        'no row of segment any says the journey of the other segments.' as problem,
        'Add one.' as remedy
    from journeys
    group by product_category
    having sum(case when segment = 'any' then 1 else 0 end) = 0
    union all
    select
        'catalog/journey_milestones.csv' as file_path,
        'journey ' || journey as row_key,
        'the weights sum to ' || cast(sum(weight) as {{ dbt.type_string() }}) || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from journey_milestones
    group by journey
    having sum(weight) <> 1
    union all
    select
        'catalog/journey_milestones.csv' as file_path,
        'journey ' || journey as row_key,
        'it has ' || cast(count(*) as {{ dbt.type_string() }}) || ' milestones.' as problem,
        'Keep at most 10.' as remedy
    from journey_milestones
    group by journey
    having count(*) > 10
    union all
    select
        'catalog/milestones.csv' as file_path,
        'milestone_id ' || milestones.milestone_id as row_key,
        'it is in no journey.' as problem,
        'Add it to journey_milestones.csv, or remove it here and from milestone_criteria.csv.'
            as remedy
    from milestones
    left join journey_milestones
        on milestones.milestone_id = journey_milestones.milestone_id
    where journey_milestones.milestone_id is null
    union all
    select
        'catalog/milestones.csv' as file_path,
        'milestone_id ' || milestones.milestone_id as row_key,
        'no exit criterion.' as problem,
        'Add a row of phase exit to milestone_criteria.csv.' as remedy
    from milestones
    left join milestone_criteria
        on
            milestones.milestone_id = milestone_criteria.milestone_id
            and milestone_criteria.phase = 'exit'
    where milestone_criteria.milestone_id is null
    union all
    select
        'catalog/journey_milestones.csv' as file_path,
        'journey ' || journey_milestones.journey || ', milestone_id '
        || journey_milestones.milestone_id as row_key,
        'it belongs to ' || journey_milestones.persona
        || ', and no exit criterion asks for what users of this persona did.' as problem,
        'Set by_persona to true on one in milestone_criteria.csv, or leave persona blank.' as remedy
    from journey_milestones
    inner join milestone_criteria
        on
            journey_milestones.milestone_id = milestone_criteria.milestone_id
            and milestone_criteria.phase = 'exit'
    where journey_milestones.persona is not null
    group by
        journey_milestones.journey, journey_milestones.milestone_id, journey_milestones.persona
    having max(case when milestone_criteria.by_persona then 1 else 0 end) = 0
    union all
    select
        'catalog/milestones.csv' as file_path,
        'milestone_id ' || milestone_id as row_key,
        'a vertical bar divides account and milestone in the keys of the sync.' as problem,
        'Name the milestone without it.' as remedy
    from milestones
    where milestone_id like '%|%'
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_criteria.milestone_id || ', subject '
        || milestone_criteria.subject as row_key,
        'a milestone cannot rest on the signal ' || signals.signal
        || ', which rests on milestones.' as problem,
        'Use another signal of signals.csv.' as remedy
    from milestone_criteria
    inner join signals
        on
            milestone_criteria.measure = 'signal'
            and milestone_criteria.subject = signals.signal
            and signals.category = 'milestones'
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', subject ' || subject as row_key,
        'threshold days do not fit into within_days days.' as problem,
        'Lower threshold or raise within_days.' as remedy
    from milestone_criteria
    where
        measure = 'event_days'
        and (threshold > within_days or (operator = '>' and threshold >= within_days))
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || activation_milestones.product_category
        || ', persona ' || activation_milestones.persona as row_key,
        'milestone ' || activation_milestones.milestone_id
        || ' is in no journey of the category.' as problem,
        'Name a milestone of one of its journeys.' as remedy
    from activation_milestones
    inner join journeys
        on activation_milestones.product_category = journeys.product_category
    left join journey_milestones
        on
            journeys.journey = journey_milestones.journey
            and activation_milestones.milestone_id = journey_milestones.milestone_id
    group by
        activation_milestones.product_category,
        activation_milestones.persona,
        activation_milestones.milestone_id
    having count(journey_milestones.milestone_id) = 0
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || categories.product_category as row_key,
        'the category needs exactly one primary activation milestone.' as problem,
        'Set is_primary to true on one row.' as remedy
    from (select distinct product_category from journeys) as categories
    left join activation_milestones
        on
            categories.product_category = activation_milestones.product_category
            and activation_milestones.is_primary
    group by categories.product_category
    having count(activation_milestones.milestone_id) <> 1
)

select * from problems
