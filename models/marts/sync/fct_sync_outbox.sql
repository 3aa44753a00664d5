-- What each destination should hold beside what it acknowledged, so that only differences are sent.
-- One row per destination and object.
with

account_health as (
    select * from {{ ref('fct_sync_account_health') }}
),

milestones as (
    select * from {{ ref('fct_sync_milestones') }}
),

tasks as (
    select * from {{ ref('fct_sync_tasks') }}
),

destinations as (
    select * from {{ ref('sync_destinations') }}
    where is_active
),

routes as (
    select * from {{ ref('sync_routes') }}
),

changes as (
    select * from {{ ref('int_sync_changes') }}
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

active_routes as (
    select
        routes.destination,
        routes.object_type
    from routes
    inner join destinations
        on routes.destination = destinations.destination
),

all_objects as (
    select
        'account_health' as object_type,
        sync_key,
        payload,
        payload_hash,
        false as is_unasked
    from account_health
    union all
    select
        'milestone' as object_type,
        sync_key,
        payload,
        payload_hash,
        false as is_unasked
    from milestones
    union all
    select
        'task' as object_type,
        sync_key,
        payload,
        payload_hash,
        closed_on is not null or coalesce(status = 'queued', false) as is_unasked
    from tasks
),

current_objects as (
    select
        active_routes.destination,
        active_routes.object_type,
        all_objects.sync_key,
        all_objects.payload,
        all_objects.payload_hash,
        all_objects.is_unasked,
        false as is_withdrawn
    from active_routes
    inner join all_objects
        on active_routes.object_type = all_objects.object_type
),

-- Objects that a destination may still hold and that no longer exist.
gone_keys as (
    select
        changes.destination,
        changes.object_type,
        changes.sync_key,
        true as is_withdrawn
    from changes
    inner join active_routes
        on
            changes.destination = active_routes.destination
            and changes.object_type = active_routes.object_type
    left join current_objects
        on
            changes.destination = current_objects.destination
            and changes.object_type = current_objects.object_type
            and changes.sync_key = current_objects.sync_key
    where current_objects.sync_key is null
    group by changes.destination, changes.object_type, changes.sync_key
    having sum(case when changes.refused_at is null then 1 else 0 end) > 0
),

withdrawals as (
    select
        *,
        {{ json_object({'sync_key': 'text', 'is_withdrawn': 'flag'}) }} as payload
    from gone_keys
),

wanted_objects as (
    select
        destination,
        object_type,
        sync_key,
        payload,
        payload_hash,
        is_unasked,
        is_withdrawn
    from current_objects
    union all
    select
        destination,
        object_type,
        sync_key,
        payload,
        {{ id_of('payload') }} as payload_hash,
        false as is_unasked,
        is_withdrawn
    from withdrawals
),

last_acknowledged as (
    select
        destination,
        object_type,
        sync_key,
        max(sequence_number) as sequence_number
    from changes
    where acknowledged_at is not null
    group by destination, object_type, sync_key
),

last_sent as (
    select
        destination,
        max(known_at) as known_at,
        max(as_of) as as_of
    from changes
    group by destination
),

-- A change follows the last attempted one, acknowledged or not: the answer may have been lost after
-- the change was applied, so that going back to an earlier payload is a change too. The build's
-- moment is in the id, in case the record of earlier changes is lost.
object_states as (
    select
        wanted_objects.*,
        build_moment.known_at,
        coalesce(latest.payload_hash = wanted_objects.payload_hash, false) as is_latest,
        latest.change_id as latest_change_id,
        coalesce(latest.sequence_number, 0) as latest_sequence_number,
        latest.attempts as latest_attempts,
        latest.acknowledged_at as latest_acknowledged_at,
        latest.refused_at as latest_refused_at,
        acknowledged.payload_hash as last_acknowledged_hash,
        acknowledged.acknowledged_at as last_acknowledged_at,
        coalesce(
            last_sent.known_at > build_moment.known_at or last_sent.as_of > build_moment.as_of,
            false
        ) as is_of_the_past
    from wanted_objects
    cross join build_moment
    left join last_sent
        on wanted_objects.destination = last_sent.destination
    left join changes as latest
        on
            wanted_objects.destination = latest.destination
            and wanted_objects.object_type = latest.object_type
            and wanted_objects.sync_key = latest.sync_key
            and latest.recency = 1
    left join last_acknowledged
        on
            wanted_objects.destination = last_acknowledged.destination
            and wanted_objects.object_type = last_acknowledged.object_type
            and wanted_objects.sync_key = last_acknowledged.sync_key
    left join changes as acknowledged
        on
            last_acknowledged.destination = acknowledged.destination
            and last_acknowledged.object_type = acknowledged.object_type
            and last_acknowledged.sync_key = acknowledged.sync_key
            and last_acknowledged.sequence_number = acknowledged.sequence_number
),

objects_by_state as (
    select
        *,
        case
            when is_latest and latest_acknowledged_at is not null then 'unchanged'
            when is_latest and latest_refused_at is not null then 'refused'
            when is_withdrawn then 'withdrawn'
            when last_acknowledged_hash is null then 'new'
            else 'changed'
        end as state,
        case
            when is_latest then latest_change_id
            else {{ id_of(
                "payload_hash || coalesce(latest_change_id, '') || '|' || "
                ~ 'cast(known_at as ' ~ dbt.type_string() ~ ')'
                ~ " || '|' || destination || '|' || object_type || '|' || sync_key"
            ) }}
        end as change_id
    from object_states
),

outbox as (
    select
        destination,
        object_type,
        sync_key,
        change_id,
        case
            when is_latest then latest_sequence_number
            else latest_sequence_number + 1
        end as sequence_number,
        state,
        state in ('new', 'changed', 'withdrawn') and not is_of_the_past as is_due,
        payload,
        payload_hash,
        case when is_latest then latest_attempts else 0 end as attempts,
        last_acknowledged_hash,
        last_acknowledged_at
    from objects_by_state
    where
        not (is_withdrawn and state = 'unchanged')
        and not (is_unasked and latest_change_id is null)
)

select * from outbox
