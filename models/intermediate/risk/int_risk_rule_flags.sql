-- Whether each rule had an open episode on the score dates whose outcome is known, to judge how
-- well rules foresee churn. One row per rule, account, score date and horizon.
with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
    where basis = 'restated' and has_churned is not null
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

rules as (
    select * from {{ ref('int_risk_rules') }}
),

episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
    where is_subscribed = 0
),

churn_days as (
    select
        outcomes.account_id,
        outcomes.score_date,
        outcomes.horizon_days,
        min(measured_signals.date_day) as churned_on
    from outcomes
    inner join measured_signals
        on
            outcomes.account_id = measured_signals.account_id
            and outcomes.score_date < measured_signals.date_day
    where outcomes.has_churned
    group by outcomes.account_id, outcomes.score_date, outcomes.horizon_days
),

outcomes_with_age as (
    select
        outcomes.account_id,
        outcomes.segment,
        outcomes.score_date,
        outcomes.horizon_days,
        outcomes.has_churned,
        churn_days.churned_on,
        {{ days_between('accounts.started_on', 'outcomes.score_date') }} as age_days
    from outcomes
    inner join accounts
        on outcomes.account_id = accounts.account_id
    left join churn_days
        on
            outcomes.account_id = churn_days.account_id
            and outcomes.score_date = churn_days.score_date
            and outcomes.horizon_days = churn_days.horizon_days
),

outcomes_with_rule as (
    select
        outcomes_with_age.*,
        rules.rule_id
    from outcomes_with_age
    inner join rules
        on
            outcomes_with_age.segment = rules.segment
            and outcomes_with_age.age_days >= rules.from_day
            and coalesce(outcomes_with_age.age_days <= rules.to_day, true)
),

flags as (
    select
        outcomes_with_rule.rule_id,
        outcomes_with_rule.account_id,
        outcomes_with_rule.segment,
        outcomes_with_rule.score_date,
        outcomes_with_rule.horizon_days,
        outcomes_with_rule.has_churned,
        episodes.risk_signal_id is not null as is_flagged,
        {{ days_between('episodes.first_seen_on', 'outcomes_with_rule.churned_on') }} as lead_days
    from outcomes_with_rule
    left join episodes
        on
            outcomes_with_rule.account_id = episodes.account_id
            and outcomes_with_rule.rule_id = episodes.rule_id
            and outcomes_with_rule.score_date >= episodes.first_seen_on
            and outcomes_with_rule.score_date
            < coalesce(episodes.cleared_on, cast('9999-12-31' as date))
)

select * from flags
