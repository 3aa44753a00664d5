with

counted as (
    {{ counted_events(ref('base_resolved_events')) }}
)

select * from counted
