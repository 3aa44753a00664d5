-- The event types of the tracking plan that each product category offers. One row per product
-- category and event type.
with

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

categories as (
    select distinct product_category from {{ ref('journeys') }}
),

planned_categories as (
    select distinct product_category from tracking_plan
),

-- A category without rows of its own has those of the default category.
categories_with_plan as (
    select
        categories.product_category,
        coalesce(
            planned_categories.product_category, '{{ var("default_product_category") }}'
        ) as planned_as
    from categories
    left join planned_categories
        on categories.product_category = planned_categories.product_category
),

offers as (
    select
        categories_with_plan.product_category,
        tracking_plan.event_type,
        tracking_plan.feature,
        tracking_plan.module,
        tracking_plan.role,
        tracking_plan.is_active,
        tracking_plan.deep_use_days
    from categories_with_plan
    inner join tracking_plan
        on tracking_plan.product_category in ('any', categories_with_plan.planned_as)
)

select * from offers
