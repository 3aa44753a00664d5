with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'support'
        and event_type = 'ticket_replied'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'ticket_id'") }} as ticket_id,
        {{ json_text('payload', "'author_role'") }} as author_role,
        {{ try_cast_to(json_text('payload', "'is_public'"), 'boolean') }} as is_public,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
