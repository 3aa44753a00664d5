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

aged as (
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

applied as (
    select
        aged.*,
        rules.rule_id
    from aged
    inner join rules
        on
            aged.segment = rules.segment
            and aged.age_days >= rules.from_day
            and coalesce(aged.age_days <= rules.to_day, true)
),

flags as (
    select
        applied.rule_id,
        applied.account_id,
        applied.segment,
        applied.score_date,
        applied.horizon_days,
        applied.has_churned,
        episodes.risk_signal_id is not null as is_flagged,
        {{ days_between('episodes.first_seen_on', 'applied.churned_on') }} as lead_days
    from applied
    left join episodes
        on
            applied.account_id = episodes.account_id
            and applied.rule_id = episodes.rule_id
            and applied.score_date >= episodes.first_seen_on
            and coalesce(applied.score_date < episodes.cleared_on, true)
)

select * from flags
