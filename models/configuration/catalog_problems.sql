-- noqa: disable=RF02
with

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

journeys as (
    select * from {{ ref('journeys') }}
),

milestone_catalog as (
    select * from {{ ref('milestone_catalog') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

event_schemas as (
    select * from {{ ref('event_schemas') }}
),

signals as (
    select * from {{ ref('signals') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

event_subjects as (
    select event_type as subject from tracking_plan
    union distinct
    select event_type as subject from event_schemas
    union distinct
    select 'role:' || role as subject from tracking_plan
    where role is not null
),

tracking_plan_problems as (
    select
        'catalog/tracking_plan.csv' as file_path,
        'event_type ' || event_type as row_key,
        'the event type stands '
        || cast(count(*) as {{ dbt.type_string() }})
        || ' times.' as problem,
        'Keep one row.' as remedy
    from tracking_plan
    group by event_type
    having count(*) > 1
    union all
    select
        'catalog/tracking_plan.csv' as file_path,
        'event_type ' || event_type as row_key,
        'unknown role ' || role || '.' as problem,
        'Use login, core, value, error, api_call, guided_task, invite, configuration or nothing.'
            as remedy
    from tracking_plan
    where
        role not in (
            'login', 'core', 'value', 'error', 'api_call', 'guided_task', 'invite', 'configuration'
        )
),

journey_problems as (
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from journeys
    group by product_category, segment
    having count(*) > 1
    union all
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'unknown journey ' || journey || '.' as problem,
        'Name a journey of milestone_catalog.csv.' as remedy
    from journeys
    where journey not in (select journey from milestone_catalog)
    union all
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'unknown segment.' as problem,
        'Use any or a segment of size_classes.csv.' as remedy
    from journeys
    where segment <> 'any' and segment not in (select segment from size_classes)
),

milestone_problems as (
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey as row_key,
        'the weights sum to ' || cast(sum(weight) as {{ dbt.type_string() }}) || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from milestone_catalog
    group by journey
    having sum(weight) <> 1
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey as row_key,
        'it has ' || cast(count(*) as {{ dbt.type_string() }}) || ' milestones.' as problem,
        'Keep at most 10.' as remedy
    from milestone_catalog
    group by journey
    having count(*) > 10
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey || ', milestone_id ' || milestone_id as row_key,
        'the milestone stands more than once.' as problem,
        'Keep one row.' as remedy
    from milestone_catalog
    group by journey, milestone_id
    having count(*) > 1
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey || ', milestone_id ' || milestone_id as row_key,
        'weight and deadline_days must be there and not negative.' as problem,
        'Fill them in.' as remedy
    from milestone_catalog
    where coalesce(weight, -1) < 0 or coalesce(deadline_days, -1) < 0
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'milestone_id ' || milestone_id as row_key,
        'no exit criterion.' as problem,
        'Add a row of phase exit to milestone_criteria.csv.' as remedy
    from milestone_catalog
    where milestone_id not in (select milestone_id from milestone_criteria where phase = 'exit')
),

criteria_problems as (
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', ' || phase || ', subject ' || subject as row_key,
        case
            when milestone_id not in (select milestone_id from milestone_catalog)
                then 'unknown milestone.'
            when phase not in ('entry', 'exit') then 'unknown phase.'
            when
                measure not in (
                    'event_count',
                    'event_days',
                    'event_users',
                    'event_user_days',
                    'event_user_share',
                    'signal'
                )
                then 'unknown measure ' || measure || '.'
            when measure = 'signal' and subject not in (select signal from signals)
                then 'unknown signal ' || subject || '.'
            when
                measure = 'signal'
                and subject in (select signal from signals where category = 'milestones')
                then 'a milestone cannot rest on the signal '
                    || subject
                    || ', which rests on milestones.'
            when measure <> 'signal' and subject not in (select subject from event_subjects)
                then 'unknown event ' || subject || '.'
            when operator not in ('>=', '>', '<=', '<') then 'unknown operator ' || operator || '.'
            when measure <> 'signal' and operator not in ('>=', '>')
                then 'an event measure only grows, so it cannot be bounded from above.'
            when threshold is null or sustained_days is null or sustained_days < 1
                then 'threshold and sustained_days must be there, sustained_days at least 1.'
        end as problem,
        'Use a milestone of milestone_catalog.csv, a signal of signals.csv, an event type or '
        || 'role:<role> of tracking_plan.csv, or an event type of event_schemas.csv.' as remedy
    from milestone_criteria
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', ' || phase || ', subject ' || subject as row_key,
        'the criterion stands more than once.' as problem,
        'Keep one row.' as remedy
    from milestone_criteria
    group by
        milestone_id,
        phase,
        measure,
        subject,
        operator,
        threshold,
        within_days,
        min_days
    having count(*) > 1
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', ' || phase || ', subject ' || subject as row_key,
        case
            when
                within_days is not null
                and measure not in ('event_days', 'event_users', 'event_user_days')
                then 'within_days says nothing to ' || measure || '.'
            when within_days not between 1 and 3650 then 'within_days must be 1 to 3650.'
            when min_days is not null and measure <> 'event_user_days'
                then 'min_days says nothing to ' || measure || '.'
            when measure = 'event_user_days' and coalesce(min_days, 0) not between 1 and 3650
                then 'min_days must be 1 to 3650.'
            when min_days > within_days
                then 'min_days days do not fit into within_days days.'
            when
                measure = 'event_days'
                and (
                    threshold > within_days
                    or (operator in ('>', '<=') and threshold >= within_days)
                )
                then 'threshold days do not fit into within_days days.'
        end as problem,
        'Give within_days to event_days, event_users or event_user_days only, blank for ever, and '
        || 'min_days to event_user_days only.' as remedy
    from milestone_criteria
),

activation_problems as (
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || activation_milestones.product_category
        || ', persona ' || activation_milestones.persona as row_key,
        'milestone '
        || activation_milestones.milestone_id
        || ' is in no journey of the category.' as problem,
        'Name a milestone of one of its journeys.' as remedy
    from activation_milestones
    left join journeys
        on activation_milestones.product_category = journeys.product_category
    left join milestone_catalog
        on
            journeys.journey = milestone_catalog.journey
            and activation_milestones.milestone_id = milestone_catalog.milestone_id
    group by
        activation_milestones.product_category,
        activation_milestones.persona,
        activation_milestones.milestone_id
    having count(milestone_catalog.milestone_id) = 0
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || product_category || ', persona ' || persona as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from activation_milestones
    group by product_category, persona
    having count(*) > 1
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || journeys.product_category as row_key,
        'the category needs exactly one primary activation milestone.' as problem,
        'Set is_primary to true on one row.' as remedy
    from (select distinct product_category from journeys) as journeys
    left join activation_milestones
        on journeys.product_category = activation_milestones.product_category
    group by journeys.product_category
    having sum(case when activation_milestones.is_primary then 1 else 0 end) <> 1
),

catalog_blanks as (
    select
        'catalog/tracking_plan.csv' as file_path,
        'the row of event_type ' || coalesce(event_type, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in event_type.' as remedy
    from tracking_plan
    where
        event_type is null
    union all
    select
        'catalog/journeys.csv' as file_path,
        'the row of journey ' || coalesce(journey, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in product_category, segment, journey.' as remedy
    from journeys
    where
        product_category is null
        or segment is null
        or journey is null
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'the row of milestone_id ' || coalesce(milestone_id, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in milestone_id, phase, measure, subject, operator.' as remedy
    from milestone_criteria
    where
        milestone_id is null
        or phase is null
        or measure is null
        or subject is null
        or operator is null
),

problems as (
    select file_path, row_key, problem, remedy from tracking_plan_problems
    union all
    select file_path, row_key, problem, remedy from journey_problems
    union all
    select file_path, row_key, problem, remedy from milestone_problems
    union all
    select file_path, row_key, problem, remedy from criteria_problems
    union all
    select file_path, row_key, problem, remedy from activation_problems
    union all
    select file_path, row_key, problem, remedy from catalog_blanks
)

select * from problems
where problem is not null
