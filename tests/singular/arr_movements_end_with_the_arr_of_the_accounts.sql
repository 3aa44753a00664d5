with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

movements as (
    select * from {{ ref('fct_arr_movements') }}
),

compared as (
    select
        accounts.account_id,
        coalesce(accounts.arr, 0) as account_arr,
        coalesce(movements.end_arr, 0) as end_arr
    from accounts
    left join movements
        on
            accounts.account_id = movements.account_id
            and accounts.as_of = movements.month_end
)

select * from compared
where account_arr <> end_arr
