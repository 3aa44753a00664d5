{{ config(materialized='view') }}

with

build_moment as (
    select
        case
            when must_rebuild then cast('0001-01-01' as date)
            else {{ add_days('last_as_of', -6) }}
        end as recent_from
    from {{ ref('base_build_moment') }}
),

earlier_accounts as (
    select accounts.source_account_id
    from {{ ref('base_accounts') }} as accounts
    inner join {{ ref('int_account_updates') }} as updates
        on accounts.account_id = updates.account_id
    cross join build_moment
    where updates.update_from < build_moment.recent_from
),

-- More than are needed, so that a look at time and account, beside the scan, leaves out the others.
near_events as (
    select * from {{ ref('base_events') }}
    where
        occurred_at >= (select cast(build_moment.recent_from as timestamp) from build_moment)
        or account_id is null
        or account_id in (select earlier_accounts.source_account_id from earlier_accounts)
),

resolved as (
    {{ resolved_events('near_events') }}
),

updated_events as (
    {{ counted_events('resolved') }}
)

select * from updated_events
