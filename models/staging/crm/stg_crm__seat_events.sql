-- Accepted seat_assigned and seat_released events that name a user, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type in ('seat_assigned', 'seat_released')
        and reject_reason is null
        and user_id is not null
),

business_order as (
    select * from {{ ref('event_types') }}
    where source = 'crm'
),

renamed as (
    select
        source.event_id,
        source.account_id,
        source.user_id,
        source.event_type,
        source.occurred_at,
        source.loaded_at,
        business_order.business_order
    from source
    inner join business_order
        on source.event_type = business_order.event_type
)

select * from renamed
