-- The spine of all daily models: one row per account and day of its life.
{{ config(materialized='view') }}

with

updates as (
    select * from {{ ref('int_account_updates') }}
),

days as (
    select
        account_id,
        started_on,
        ended_on,
        recompute_from,
        {{ each_day('started_on', 'ended_on') }} as date_day
    from updates{{ from_each_day('started_on', 'ended_on') }}
)

select * from days
