with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type in (
            'subscription_started',
            'subscription_changed',
            'subscription_renewed',
            'subscription_cancelled'
        )
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'subscription_id'") }} as subscription_id,
        event_type,
        {{ json_text('payload', "'plan'") }} as plan,
        {{ json_text('payload', "'currency'") }} as currency,
        {{ json_text('payload', "'reason'") }} as cancellation_reason,
        {{ try_cast_to(json_text('payload', "'seats'"), 'bigint') }} as seats,
        {{ try_cast_to(json_text('payload', "'mrr'"), 'decimal(18, 6)') }} as mrr,
        {{ try_cast_to(json_text('payload', "'usage_cap'"), 'decimal(18, 6)') }} as usage_cap,
        {{ try_cast_to(json_text('payload', "'term_end'"), 'date') }} as term_ends_on,
        {{ try_cast_to(json_text('payload', "'effective_on'"), 'date') }} as effective_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
