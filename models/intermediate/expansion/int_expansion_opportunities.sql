-- Opportunities as their last change left them. One row per opportunity of a kind that
-- opportunity_stages lists.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

opportunities as (
    select * from {{ ref('stg_crm__opportunities') }}
),

opportunity_stages as (
    select * from {{ ref('opportunity_stages') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

followed_kinds as (
    select distinct kind from opportunity_stages
),

changes as (
    select
        opportunities.account_id,
        opportunities.opportunity_id,
        opportunities.kind,
        opportunities.occurred_at,
        coalesce(opportunity_stages.outcome, 'open') as outcome,
        {{ round_half_up(
            as_double('opportunities.amount') ~ ' * exchange_rates.rate_to_reporting_currency', 2
        ) }} as amount,
        row_number() over (
            partition by opportunities.opportunity_id
            order by
                opportunities.occurred_at desc,
                opportunities.loaded_at desc,
                opportunities.event_id desc
        ) as recency
    from opportunities
    inner join accounts
        on opportunities.account_id = accounts.account_id
    inner join followed_kinds
        on opportunities.kind = followed_kinds.kind
    left join opportunity_stages
        on
            opportunities.kind = opportunity_stages.kind
            and opportunities.stage = opportunity_stages.stage
    left join exchange_rates
        on opportunities.currency = exchange_rates.currency
),

latest_changes as (
    select * from changes
    where recency = 1
),

opportunity_outcomes as (
    select
        latest_changes.account_id,
        latest_changes.opportunity_id,
        latest_changes.kind,
        latest_changes.outcome,
        latest_changes.amount,
        {{ day_of('min(changes.occurred_at)') }} as opened_on,
        min(
            case
                when latest_changes.outcome <> 'open' and changes.outcome = latest_changes.outcome
                    then {{ day_of('changes.occurred_at') }}
            end
        ) as closed_on
    from latest_changes
    inner join changes
        on latest_changes.opportunity_id = changes.opportunity_id
    group by
        latest_changes.account_id,
        latest_changes.opportunity_id,
        latest_changes.kind,
        latest_changes.outcome,
        latest_changes.amount
)

select * from opportunity_outcomes
