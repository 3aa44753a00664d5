-- Do accounts that reach first value by day 30 stay longer? Of the accounts still there at day 30
-- (the landmark), who was there at day 90: an association, not an effect.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

first_values as (
    select * from {{ ref('fct_time_to_value') }}
),

landmarks as (
    select
        accounts.account_id,
        accounts.segment,
        coalesce(first_values.days_to_value <= 30, false) as is_activated,
        coalesce(
            accounts.churned_on <= {{ add_days('first_values.started_on', '90') }}, false
        ) as has_churned
    from first_values
    inner join accounts
        on first_values.account_id = accounts.account_id
    where
        first_values.is_primary
        and first_values.onboarding_number = 1
        and coalesce(accounts.churned_on > {{ add_days('first_values.started_on', '30') }}, true)
        and {{ add_days('first_values.started_on', '90') }} <= accounts.as_of
)

select
    segment,
    is_activated,
    count(*) as accounts,
    sum(case when has_churned then 0 else 1 end) as retained,
    avg(case when has_churned then 0.0 else 1.0 end) as retained_share
from landmarks
group by segment, is_activated
order by segment, is_activated
