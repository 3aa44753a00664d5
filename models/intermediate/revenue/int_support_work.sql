-- What the support of an account cost, by the unit costs of the seed, and on how many days of its
-- life it was observed. One row per account and quarter with at least one such day.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

coverage as (
    select * from {{ ref('base_coverage') }}
    where source = 'support' and subject = 'any'
),

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
),

support_costs as (
    select * from {{ ref('support_costs') }}
),

lives as (
    select
        accounts.account_id,
        greatest(accounts.started_on, coverage.observed_from) as first_on,
        least(accounts.ended_on, coalesce(coverage.observed_until, build_moment.as_of)) as last_on
    from accounts
    cross join coverage
    cross join build_moment
),

spans as (
    select
        min(first_on) as first_on,
        max(last_on) as last_on
    from lives
    where first_on <= last_on
),

days as (
    select {{ each_day('first_on', 'last_on') }} as date_day
    from spans{{ from_each_day('first_on', 'last_on') }}
    where first_on <= last_on
),

quarters as (
    select
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as quarter_start,
        max(date_day) as last_on
    from days
    group by cast({{ dbt.date_trunc('quarter', 'date_day') }} as date)
),

observed_stretches as (
    select
        lives.account_id,
        quarters.quarter_start,
        greatest(lives.first_on, quarters.quarter_start) as first_on,
        least(lives.last_on, quarters.last_on) as last_on
    from lives
    inner join quarters
        on lives.first_on <= quarters.last_on and lives.last_on >= quarters.quarter_start
    where lives.first_on <= lives.last_on
),

observed_quarters as (
    select
        account_id,
        quarter_start,
        sum({{ days_between('first_on', 'last_on') }} + 1) as observed_days
    from observed_stretches
    group by account_id, quarter_start
),

costs as (
    select
        observed_stretches.account_id,
        observed_stretches.quarter_start,
        sum(support_costs.unit_cost) as cost
    from ticket_events
    inner join support_costs
        on
            'ticket_' || ticket_events.event_kind = support_costs.event_type
            and coalesce(
                ticket_events.author_role = support_costs.author_role,
                support_costs.author_role is null
            )
    inner join observed_stretches
        on
            ticket_events.account_id = observed_stretches.account_id
            and {{ day_of('ticket_events.occurred_at') }}
            between observed_stretches.first_on and observed_stretches.last_on
    group by observed_stretches.account_id, observed_stretches.quarter_start
),

support_work as (
    select
        observed_quarters.account_id,
        observed_quarters.quarter_start,
        cast(observed_quarters.observed_days as bigint) as observed_days,
        cast(coalesce(costs.cost, 0) as decimal(18, 2)) as cost
    from observed_quarters
    left join costs
        on
            observed_quarters.account_id = costs.account_id
            and observed_quarters.quarter_start = costs.quarter_start
)

select * from support_work
