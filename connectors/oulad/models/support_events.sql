-- OULAD has no such events; the house wants the stream all the same.
with

none as (
    select
        cast(null as varchar) as event_id,
        cast(null as varchar) as event_type,
        cast(null as varchar) as account_id,
        cast(null as varchar) as user_id,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as loaded_at,
        cast(null as varchar) as payload
    where false
)

select * from none
