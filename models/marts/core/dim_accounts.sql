with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

parents as (
    select * from {{ ref('int_account_parents') }}
    where depth = 1
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

lifecycle_stages as (
    select
        stage,
        from_day,
        lead(from_day) over (order by from_day) as next_from_day
    from {{ ref('lifecycle_stages') }}
),

dimensions as (
    select
        accounts.account_id,
        accounts.account_name,
        accounts.industry,
        accounts.country,
        accounts.product_category,
        accounts.segment,
        accounts.journey,
        accounts.plan,
        accounts.owner_id,
        parents.ancestor_account_id as parent_account_id,
        accounts.timezone,
        accounts.employees,
        case
            when accounts.churned_on is not null then 'churned'
            else lifecycle_stages.stage
        end as lifecycle_stage,
        measured_signals.seats,
        measured_signals.arr,
        accounts.started_at,
        accounts.started_on,
        accounts.churned_on,
        accounts.ended_on as observed_until,
        build_moment.as_of
    from accounts
    cross join build_moment
    inner join measured_signals
        on
            accounts.account_id = measured_signals.account_id
            and accounts.ended_on = measured_signals.date_day
    left join parents
        on accounts.account_id = parents.account_id
    left join lifecycle_stages
        on
            measured_signals.account_age_days >= lifecycle_stages.from_day
            and measured_signals.account_age_days
            < coalesce(lifecycle_stages.next_from_day, 1000000)
)

select * from dimensions
