-- Accepted note_logged events, one row each.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'note_logged'
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ try_cast_to(json_text('payload', "'sentiment'"), 'decimal(18, 6)') }} as sentiment,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
