-- Bands set by hand and what happened afterwards. One row per override.
with

overrides as (
    select * from {{ ref('int_health_overrides') }}
),

override_audit as (
    select
        override_id,
        account_id,
        user_id,
        band,
        starts_on,
        expires_on,
        ends_on,
        is_active,
        measured_on,
        cast(measured_score as decimal(9, 2)) as measured_score,
        measured_band,
        outcome,
        reached_on,
        churned_on
    from overrides
)

select * from override_audit
