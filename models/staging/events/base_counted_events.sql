with

events as (
    select
        *,
        case when source = 'product' then cast(occurred_at as date) end as product_day
    from {{ ref('base_resolved_events') }}
    where reject_reason is null
),

excluded_days as (
    select * from {{ ref('base_excluded_days') }}
),

-- Equalities only, so that an empty seed costs no more than two lookups in nothing.
counted as (
    select events.*
    from events
    left join excluded_days as days_of_type
        on
            events.product_day = days_of_type.date_day
            and events.event_type = days_of_type.event_type
    left join excluded_days as whole_days
        on
            events.product_day = whole_days.date_day
            and whole_days.event_type = 'any'
    where
        days_of_type.date_day is null
        and whole_days.date_day is null
)

select * from counted
