-- The tasks, with the payload that destinations get and its hash. One row per task.
with

interventions as (
    select * from {{ ref('fct_interventions') }}
),

current_objects as (
    select
        task_id as sync_key,
        false as is_withdrawn,
        account_id,
        play_id,
        play_name,
        tier,
        reason,
        owner_role,
        owner_id,
        channel,
        script_name,
        is_high_risk,
        priority,
        opened_on,
        due_at,
        status,
        closed_on,
        outcome,
        coalesce(closed_on, opened_on) as updated_on
    from interventions
),

payloads as (
    select
        *,
        {{ json_object(sync_fields()['task']) }} as payload
    from current_objects
),

hashed_payloads as (
    select
        sync_key,
        account_id,
        play_id,
        play_name,
        tier,
        reason,
        owner_role,
        owner_id,
        channel,
        script_name,
        is_high_risk,
        priority,
        opened_on,
        due_at,
        status,
        closed_on,
        outcome,
        updated_on,
        payload,
        {{ id_of('payload') }} as payload_hash
    from payloads
)

select * from hashed_payloads
