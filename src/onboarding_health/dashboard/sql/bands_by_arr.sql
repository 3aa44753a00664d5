-- Live accounts and their ARR by size of ARR and band. One row per size and band.
with

sized as (
    select
        case when arr < 10000 then 1 when arr < 50000 then 2 when arr < 200000 then 3 else 4
        end as size_order,
        coalesce(band, 'unknown') as band,
        arr
    from fct_current_health
    where status not in ('churned', 'completed') and arr is not null and ($segment::text = 'all'
    or segment = $segment)
)

select
    size_order,
    ['below 10K', '10K to 50K', '50K to 200K', '200K and more'][size_order] as size,
    band,
    count(*) as accounts,
    sum(arr) as arr
from sized
group by all
order by size_order, band
