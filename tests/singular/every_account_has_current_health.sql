with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

current_health as (
    select * from {{ ref('fct_current_health') }}
),

compared as (
    select
        accounts.account_id,
        accounts.observed_until,
        current_health.account_id as health_account_id,
        current_health.score_date
    from accounts
    full outer join current_health
        on accounts.account_id = current_health.account_id
)

select * from compared
where coalesce(score_date <> observed_until, true)
