-- Accepted cancellations with the kind of churn that their reason stands for. One row per event.
-- The reason text stays in the raw rows, as it may hold personal data.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'billing'
        and event_type = 'subscription_cancelled'
        and reject_reason is null
),

cancellation_reasons as (
    select * from {{ ref('cancellation_reasons') }}
),

renamed as (
    select
        event_id,
        lower(trim({{ json_text('payload', "'reason'") }})) as reason
    from source
),

cancellations as (
    select
        renamed.event_id,
        coalesce(cancellation_reasons.churn_kind, 'unknown') as churn_kind
    from renamed
    left join cancellation_reasons
        on renamed.reason = cancellation_reasons.reason
)

select * from cancellations
