-- Product event types of the tracking plan beside those that came. One row per event type.
with

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

seen_event_types as (
    select
        event_type,
        sum(event_count) as event_count,
        count(distinct account_id) as account_count,
        min(date_day) as first_seen_on,
        max(date_day) as last_seen_on
    from event_type_days
    group by event_type
),

coverage as (
    select
        coalesce(seen_event_types.event_type, tracking_plan.event_type) as event_type,
        tracking_plan.feature,
        tracking_plan.module,
        tracking_plan.role,
        case
            when seen_event_types.event_type is null then 'never_seen'
            when tracking_plan.event_type is null then 'unplanned'
            else 'planned'
        end as status,
        cast(coalesce(seen_event_types.event_count, 0) as bigint) as event_count,
        coalesce(seen_event_types.account_count, 0) as account_count,
        seen_event_types.first_seen_on,
        seen_event_types.last_seen_on
    from seen_event_types
    full outer join tracking_plan
        on seen_event_types.event_type = tracking_plan.event_type
)

select * from coverage
