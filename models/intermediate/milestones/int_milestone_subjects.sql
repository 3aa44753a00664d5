with

criteria as (
    select * from {{ ref('milestone_criteria') }}
    where measure <> 'signal'
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

subjects as (
    select distinct
        criteria.subject,
        coalesce(tracking_plan.event_type, criteria.subject) as event_type,
        tracking_plan.event_type is not null as is_role
    from criteria
    left join tracking_plan
        on criteria.subject = 'role:' || tracking_plan.role  -- noqa: ST09
    where tracking_plan.event_type is not null or criteria.subject not like 'role:%'
)

select * from subjects
