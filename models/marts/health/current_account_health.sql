with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

ranked as (
    select
        health.*,
        row_number() over (partition by account_id order by score_date desc) as recency
    from health
),

current_health as (
    select
        accounts.account_id,
        accounts.account_name,
        accounts.segment,
        accounts.product_category,
        accounts.owner_id,
        accounts.lifecycle_stage,
        accounts.arr,
        ranked.score_date,
        ranked.model_version,
        ranked.status,
        ranked.score,
        ranked.band,
        ranked.coverage,
        ranked.change_7d,
        ranked.change_30d,
        ranked.top_driver_up,
        ranked.top_driver_down
    from accounts
    inner join ranked
        on accounts.account_id = ranked.account_id and ranked.recency = 1
)

select * from current_health
