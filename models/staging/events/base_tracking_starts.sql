{{ config(materialized='table') }}

with

events as (
    select * from {{ ref('base_events') }}
    where reject_reason is null
),

starts as (
    select
        cast(min(case when source = 'product' then occurred_at end) as date) as product_from,
        cast(min(case when source = 'product' and user_id is not null then occurred_at end) as date)
            as users_from,
        cast(min(case when source = 'support' then occurred_at end) as date) as support_from
    from events
),

described as (
    select
        product_from,
        users_from,
        support_from,
        coalesce(cast(product_from as {{ dbt.type_string() }}), '') || ' '
        || coalesce(cast(users_from as {{ dbt.type_string() }}), '') || ' '
        || coalesce(cast(support_from as {{ dbt.type_string() }}), '') as tracking_starts
    from starts
)

select * from described
