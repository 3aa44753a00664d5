-- What can trigger a play: episodes of risk rules, of bands and of churn in one list. One row per
-- account, trigger and episode; half-open, from first_seen_on to the day before cleared_on.
with

risk_episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

band_episodes as (
    select * from {{ ref('int_band_episodes') }}
),

churn_episodes as (
    select * from {{ ref('int_churn_episodes') }}
),

episodes as (
    select
        account_id,
        'rule' as trigger_type,
        rule_id as trigger_name,
        risk_signal_id as trigger_id,
        first_seen_on,
        cleared_on,
        cleared_by
    from risk_episodes
    union all
    select
        account_id,
        'band' as trigger_type,
        band as trigger_name,
        band_episode_id as trigger_id,
        first_seen_on,
        cleared_on,
        cleared_by
    from band_episodes
    union all
    select
        account_id,
        'churn' as trigger_type,
        'any' as trigger_name,
        churn_episode_id as trigger_id,
        first_seen_on,
        cleared_on,
        case when has_returned then 'returned' else 'over' end as cleared_by
    from churn_episodes
)

select * from episodes
