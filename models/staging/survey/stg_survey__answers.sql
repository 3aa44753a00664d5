with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'survey'
        and event_type in ('survey_sent', 'survey_answered')
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        user_id,
        {{ json_text('payload', "'survey_id'") }} as survey_id,
        event_type,
        {{ json_text('payload', "'kind'") }} as kind,
        {{ try_cast_to(json_text('payload', "'score'"), 'decimal(18, 6)') }} as score,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
