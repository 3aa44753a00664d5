-- Deliveries by day and their share of success against the service level. One row per destination,
-- object type and day.
with

changes as (
    select * from {{ ref('int_sync_changes') }}
),

destinations as (
    select * from {{ ref('sync_destinations') }}
),

days as (
    select
        destination,
        object_type,
        {{ day_of('first_attempted_at') }} as date_day,
        count(*) as changes,
        sum(case when acknowledged_at is not null then 1 else 0 end) as acknowledged,
        sum(case when acknowledged_at is null and refused_at is not null then 1 else 0 end)
            as refused,
        sum(
            case
                when acknowledged_at is null and refused_at is null and recency > 1 then 1 else 0
            end
        ) as overtaken,
        sum(
            case
                when acknowledged_at is null and refused_at is null and recency = 1 then 1 else 0
            end
        ) as waiting,
        sum(attempts) as attempts,
        max(acknowledged_at) as last_acknowledged_at
    from changes
    group by destination, object_type, {{ day_of('first_attempted_at') }}
),

deliveries as (
    select
        days.destination,
        days.object_type,
        days.date_day,
        cast(days.changes as bigint) as changes,
        cast(days.acknowledged as bigint) as acknowledged,
        cast(days.refused as bigint) as refused,
        cast(days.overtaken as bigint) as overtaken,
        cast(days.waiting as bigint) as waiting,
        cast(days.attempts as bigint) as attempts,
        {{ ratio('days.acknowledged', 'days.changes - days.overtaken') }} as success_share,
        destinations.min_success_share,
        {{ ratio('days.acknowledged', 'days.changes - days.overtaken') }}
        > destinations.min_success_share as meets_service_level,
        days.last_acknowledged_at
    from days
    left join destinations
        on days.destination = destinations.destination
)

select * from deliveries
