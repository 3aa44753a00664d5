-- The milestones of every account, with the payload that destinations get and its hash. One row per
-- account and milestone.
with

milestones as (
    select * from {{ ref('fct_milestones') }}
),

current_objects as (
    select
        account_id || '|' || milestone_id as sync_key,
        false as is_withdrawn,
        account_id,
        milestone_id,
        journey,
        milestone,
        persona,
        owner_role,
        status,
        due_on,
        {{ day_of('achieved_at') }} as achieved_on,
        case
            when status = 'overdue' then {{ add_days('due_on', 1) }}
            else {{ day_of('coalesce(achieved_at, waived_at, entered_at)') }}
        end as updated_on
    from milestones
),

payloads as (
    select
        *,
        {{ json_object(sync_fields()['milestone']) }} as payload
    from current_objects
),

hashed_payloads as (
    select
        sync_key,
        account_id,
        milestone_id,
        journey,
        milestone,
        persona,
        owner_role,
        status,
        due_on,
        achieved_on,
        updated_on,
        payload,
        {{ id_of('payload') }} as payload_hash
    from payloads
)

select * from hashed_payloads
