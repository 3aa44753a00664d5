-- The event types behind each subject of an event criterion: its own, or those of its role. One row
-- per subject and event type.
with

criteria as (
    select distinct
        subject,
        named_subject,
        persona
    from {{ ref('int_milestone_event_criteria') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

subjects as (
    select
        criteria.subject,
        criteria.persona,
        coalesce(tracking_plan.event_type, criteria.named_subject) as event_type,
        tracking_plan.event_type is not null as is_role
    from criteria
    left join tracking_plan
        on criteria.named_subject = 'role:' || tracking_plan.role  -- noqa: ST09
    where tracking_plan.event_type is not null or criteria.named_subject not like 'role:%'
)

select * from subjects
