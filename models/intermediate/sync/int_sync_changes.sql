-- What is known of each change sent to a destination: attempts, acknowledgement, refusal. One row
-- per destination, object and change.
with

attempts as (
    select * from {{ source('deliveries', 'sync_attempts') }}
),

acknowledgements as (
    select * from {{ source('deliveries', 'sync_acknowledgements') }}
),

dead_letters as (
    select * from {{ source('deliveries', 'sync_dead_letters') }}
),

-- Old attempts may have been purged, so acknowledgements and dead letters count as evidence too.
traces as (
    select
        destination,
        object_type,
        sync_key,
        change_id,
        sequence_number,
        payload_hash,
        known_at,
        as_of,
        1 as attempt_count,
        started_at as attempted_at,
        cast(null as timestamp) as acknowledged_at,
        cast(null as timestamp) as refused_at
    from attempts
    union all
    select
        destination,
        object_type,
        sync_key,
        change_id,
        sequence_number,
        payload_hash,
        known_at,
        as_of,
        0 as attempt_count,
        acknowledged_at as attempted_at,
        acknowledged_at,
        cast(null as timestamp) as refused_at
    from acknowledgements
    union all
    select
        destination,
        object_type,
        sync_key,
        change_id,
        sequence_number,
        payload_hash,
        cast(null as timestamp) as known_at,
        cast(null as date) as as_of,
        0 as attempt_count,
        refused_at as attempted_at,
        cast(null as timestamp) as acknowledged_at,
        refused_at
    from dead_letters
),

changes as (
    select
        destination,
        object_type,
        sync_key,
        change_id,
        sequence_number,
        payload_hash,
        max(known_at) as known_at,
        max(as_of) as as_of,
        cast(sum(attempt_count) as bigint) as attempts,
        min(attempted_at) as first_attempted_at,
        max(acknowledged_at) as acknowledged_at,
        max(refused_at) as refused_at
    from traces
    group by destination, object_type, sync_key, change_id, sequence_number, payload_hash
),

ranked_changes as (
    select
        *,
        row_number() over (
            partition by destination, object_type, sync_key
            order by sequence_number desc
        ) as recency
    from changes
)

select * from ranked_changes
