-- The health of every account, with the payload that destinations get and its hash. One row per
-- account.
with

health as (
    select * from {{ ref('fct_current_health') }}
),

metric_advice as (
    select * from {{ ref('metric_advice') }}
),

labelled_health as (
    select
        health.*,
        raising.label as label_up,
        lowering.label as label_down
    from health
    left join metric_advice as raising
        on health.top_driver_up = raising.metric
    left join metric_advice as lowering
        on health.top_driver_down = lowering.metric
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
        label_up as top_driver_up,
        label_down as top_driver_down,
        score_date as updated_on
    from labelled_health
),

payloads as (
    select
        *,
        {{ json_object(sync_fields()['account_health']) }} as payload
    from current_objects
),

hashed_payloads as (
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

select * from hashed_payloads
