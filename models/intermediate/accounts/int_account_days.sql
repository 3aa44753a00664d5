with

accounts as (
    select * from {{ ref('int_accounts') }}
),

days as (
    select
        account_id,
        {{ each_day('started_on', 'ended_on') }} as date_day
    from accounts
)

select * from days
