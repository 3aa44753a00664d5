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

latest as (
    select * from changes
    where recency = 1
),

ended as (
    select
        latest.account_id,
        latest.opportunity_id,
        latest.kind,
        latest.outcome,
        latest.amount,
        {{ day_of('min(changes.occurred_at)') }} as opened_on,
        min(
            case
                when latest.outcome <> 'open' and changes.outcome = latest.outcome
                    then {{ day_of('changes.occurred_at') }}
            end
        ) as closed_on
    from latest
    inner join changes
        on latest.opportunity_id = changes.opportunity_id
    group by
        latest.account_id,
        latest.opportunity_id,
        latest.kind,
        latest.outcome,
        latest.amount
)

select * from ended
