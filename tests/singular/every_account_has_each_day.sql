with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

days as (
    select
        account_id,
        min(date_day) as first_day,
        max(date_day) as last_day,
        count(*) as row_count,
        count(distinct date_day) as day_count
    from {{ ref('fct_account_signals') }}
    group by account_id
),

compared as (
    select
        coalesce(accounts.account_id, days.account_id) as account_id,
        accounts.started_on,
        accounts.observed_until,
        days.first_day,
        days.last_day,
        days.row_count,
        days.day_count,
        {{ days_between('accounts.started_on', 'accounts.observed_until') }} + 1 as expected_count
    from accounts
    full outer join days
        on accounts.account_id = days.account_id
)

select * from compared
where
    coalesce(first_day <> started_on, true)
    or coalesce(last_day <> observed_until, true)
    or coalesce(row_count <> expected_count, true)
    or coalesce(day_count <> expected_count, true)
