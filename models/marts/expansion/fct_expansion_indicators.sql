-- The indicators behind the latest expansion score. One row per account and indicator.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

expansion_indicators as (
    select * from {{ ref('int_expansion_indicators') }}
),

scores as (
    select * from {{ ref('int_expansion_scores') }}
),

indicators as (
    select
        expansion_indicators.account_id,
        expansion_indicators.indicator,
        expansion_indicators.score_date,
        scores.status,
        expansion_indicators.signal,
        expansion_indicators.indicator_value as value,
        expansion_indicators.is_rising,
        expansion_indicators.points,
        expansion_indicators.weight,
        expansion_indicators.is_core,
        case when scores.status = 'scored' then expansion_indicators.contribution end
            as contribution,
        expansion_indicators.agrees,
        expansion_indicators.held_since,
        expansion_indicators.days_held
    from expansion_indicators
    inner join accounts
        on
            expansion_indicators.account_id = accounts.account_id
            and expansion_indicators.score_date = accounts.observed_until
    inner join scores
        on
            expansion_indicators.account_id = scores.account_id
            and expansion_indicators.score_date = scores.score_date
)

select * from indicators
