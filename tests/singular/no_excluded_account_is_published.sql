with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

unpublished as (
    select account_id, reason from {{ ref('int_account_exclusions') }}
    union all
    select source_account_id as account_id, 'merged' as reason
    from {{ ref('base_accounts') }}
    where source_account_id <> account_id
),

published as (
    select
        accounts.account_id,
        unpublished.reason
    from accounts
    inner join unpublished
        on accounts.account_id = unpublished.account_id
)

select * from published
