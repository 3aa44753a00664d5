-- Accepted product events, one row each. base_counted_events has left out events of excluded days
-- and of excluded users. The payload is not carried on.
with

source as (
    select * from {{ ref('base_counted_events') }}
    where source = 'product'
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        event_type,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
