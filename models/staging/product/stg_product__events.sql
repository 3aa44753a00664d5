-- Accepted product events without those of excluded days and users, one row each. Their payload is
-- dropped.
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
