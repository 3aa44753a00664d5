with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'support'
        and event_type = 'ticket_created'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'ticket_id'") }} as ticket_id,
        {{ json_text('payload', "'priority'") }} as priority,
        {{ json_text('payload', "'topic'") }} as topic,
        coalesce(
            {{ try_cast_to(json_text('payload', "'is_expansion_request'"), 'boolean') }}, false
        ) as is_expansion_request,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
