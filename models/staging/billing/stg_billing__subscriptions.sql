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
        cast({{ json_text('payload', "'seats'") }} as bigint) as seats,
        cast({{ json_text('payload', "'mrr'") }} as decimal(18, 6)) as mrr,
        cast({{ json_text('payload', "'usage_cap'") }} as decimal(18, 6)) as usage_cap,
        cast({{ json_text('payload', "'term_end'") }} as date) as term_ends_on,
        cast({{ json_text('payload', "'effective_on'") }} as date) as effective_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
