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

subjects as (
    select
        named.source,
        named.subject,
        named.event_type,
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
)

select * from subjects
