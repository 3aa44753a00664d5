with

resolved as (
    {{ resolved_events(ref('base_events')) }}
)

select * from resolved
