with

layers as (
    select * from {{ ref('rpt_ttv_layers') }}
),

sums as (
    select
        persona,
        segment,
        product_category,
        max(total_days) as total_days,
        sum(layer_days) as layer_days,
        sum(share) as share
    from layers
    group by persona, segment, product_category
)

select * from sums
where layer_days <> total_days or share <> 1
