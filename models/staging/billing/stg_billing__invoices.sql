with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type in ('invoice_issued', 'invoice_paid', 'invoice_voided')
        and reject_reason is null
),

renamed as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'invoice_id'") }} as invoice_id,
        event_type,
        {{ json_text('payload', "'currency'") }} as currency,
        {{ try_cast_to(json_text('payload', "'amount'"), 'decimal(18, 6)') }} as amount,
        {{ try_cast_to(json_text('payload', "'due_on'"), 'date') }} as due_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
