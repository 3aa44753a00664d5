-- What can be observed of each stream, with its coverage rule: the whole stream, users, roles,
-- event types. One row per stream, subject and event type behind it.
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

named_subjects as (
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

observing_subjects as (
    select distinct
        named_subjects.source,
        named_subjects.subject
    from named_subjects
    inner join signals
        on
            {{ dbt.position(
                "';' || named_subjects.source || case when named_subjects.subject = 'any' then '' "
                ~ "else ' ' || named_subjects.subject end || ';'",
                "';' || signals.observed_by || ';'"
            ) }} > 0
),

subjects as (
    select
        named_subjects.source,
        named_subjects.subject,
        named_subjects.event_type,
        observing_subjects.subject is not null
        or milestone_criteria.subject is not null as is_used,
        rules.silent_after_days,
        rules.silent_after_gaps,
        rules.min_days,
        rules.sparse_after_days,
        rules.min_stretch_days,
        rules.min_stretch_share,
        rules.never_seen_accounts,
        rules.never_seen_events
    from named_subjects
    left join coverage_rules as own_rules
        on named_subjects.source = own_rules.source and named_subjects.subject = own_rules.subject
    inner join coverage_rules as rules
        on
            named_subjects.source = rules.source
            and coalesce(own_rules.subject, 'any') = rules.subject
    left join observing_subjects
        on
            named_subjects.source = observing_subjects.source
            and named_subjects.subject = observing_subjects.subject
    left join milestone_criteria
        on named_subjects.subject = milestone_criteria.subject
)

select * from subjects
