-- The spine of all daily models: one row per account and day from its start to its last day.
{{ config(materialized='view') }}

with

updates as (
    select * from {{ ref('int_account_updates') }}
),

-- Some engines make a row per day in the select list, others in the from clause; so two macros do.
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
