-- The days of each account's life that are over and complete in the product stream. One row per
-- account.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

first_observed_days as (
    select min(observed_from) as observed_from
    from {{ ref('base_coverage') }}
    where source = 'product' and subject = 'users'
),

usage_lives as (
    select
        accounts.account_id,
        accounts.segment,
        accounts.product_category,
        accounts.started_on,
        least(accounts.ended_on, watermarks.complete_through) as last_day,
        coalesce(accounts.started_on >= first_observed_days.observed_from, false) as is_in_sight
    from accounts
    cross join watermarks
    cross join first_observed_days
)

select * from usage_lives
