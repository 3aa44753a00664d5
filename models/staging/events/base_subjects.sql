{{ config(materialized='table') }}

with

coverage_rules as (
    select * from {{ ref('coverage_rules') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

event_types as (
    select * from {{ ref('event_types') }}
),

signals as (
    select * from {{ ref('signals') }}
),

milestone_criteria as (
    select distinct subject from {{ ref('milestone_criteria') }}
),

named as (
    select
        source,
        'any' as subject,
        cast(null as {{ dbt.type_string() }}) as event_type
    from coverage_rules
    where subject = 'any'
    union all
    select
        'product' as source,
        'users' as subject,
        cast(null as {{ dbt.type_string() }}) as event_type
    union all
    select
        'product' as source,
        'role:' || role as subject,
        event_type
    from tracking_plan
    where role is not null
    union all
    select
        'product' as source,
        event_type as subject,
        event_type
    from tracking_plan
    union all
    select
        source,
        event_type as subject,
        event_type
    from event_types
),

observing as (
    select distinct
        named.source,
        named.subject
    from named
    inner join signals
        on
            {{ dbt.position(
                "';' || named.source || case when named.subject = 'any' then '' "
                ~ "else ' ' || named.subject end || ';'",
                "';' || signals.observed_by || ';'"
            ) }} > 0
),

subjects as (
    select
        named.source,
        named.subject,
        named.event_type,
        observing.subject is not null
        or milestone_criteria.subject is not null as is_used,
        rules.silent_after_days,
        rules.silent_after_gaps,
        rules.min_days,
        rules.sparse_after_days,
        rules.min_stretch_days,
        rules.min_stretch_share,
        rules.never_seen_accounts,
        rules.never_seen_events
    from named
    left join coverage_rules as own_rules
        on named.source = own_rules.source and named.subject = own_rules.subject
    inner join coverage_rules as rules
        on
            named.source = rules.source
            and coalesce(own_rules.subject, 'any') = rules.subject
    left join observing
        on named.source = observing.source and named.subject = observing.subject
    left join milestone_criteria
        on named.subject = milestone_criteria.subject
)

select * from subjects
