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
        cast({{ json_text('payload', "'amount'") }} as decimal(18, 6)) as amount,
        cast({{ json_text('payload', "'due_on'") }} as date) as due_on,
        occurred_at,
        loaded_at
    from source
)

select * from renamed
