-- How much ARR stands in each band, by segment, and what of it is unpaid?
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

health as (
    select * from {{ ref('fct_current_health') }}
),

band_sums as (
    select
        health.segment,
        coalesce(health.band, health.status) as band,
        count(*) as accounts,
        sum(health.arr) as arr,
        sum(accounts.unpaid_arr) as unpaid_arr,
        sum(accounts.long_unpaid_arr) as long_unpaid_arr
    from health
    inner join accounts
        on health.account_id = accounts.account_id
    where health.status not in ('churned', 'completed')
    group by health.segment, coalesce(health.band, health.status)
)

select
    band_sums.*,
    arr / nullif(sum(arr) over (partition by segment), 0) as arr_share_of_segment
from band_sums
order by segment, band
