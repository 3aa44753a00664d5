with

health as (
    select * from {{ ref('current_account_health') }}
),

current_objects as (
    select
        account_id as sync_key,
        false as is_withdrawn,
        account_id,
        status,
        score,
        band,
        band_reason,
        change_7d,
        top_driver_up,
        top_driver_down,
        score_date as updated_on
    from health
),

payloads as (
    select
        *,
        {{ json_object(sync_fields()['account_health']) }} as payload
    from current_objects
),

hashed as (
    select
        sync_key,
        account_id,
        status,
        score,
        band,
        band_reason,
        change_7d,
        top_driver_up,
        top_driver_down,
        updated_on,
        payload,
        {{ id_of('payload') }} as payload_hash
    from payloads
)

select * from hashed
