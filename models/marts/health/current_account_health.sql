with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

steady_bands as (
    select * from {{ ref('int_health_steady_bands') }}
),

last_steady_dates as (
    select
        account_id,
        max(score_date) as score_date
    from steady_bands
    group by account_id
),

overrides as (
    select * from {{ ref('int_health_overrides') }}
    where is_active
),

band_caps as (
    select * from {{ ref('int_risk_episodes') }}
    where is_active and band_cap is not null
),

risk_rules as (
    select * from {{ ref('int_risk_rules') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

measured_signals as (
    select
        account_id,
        date_day,
        days_since_note
    from {{ ref('int_measured_signals') }}
),

rules as (
    select * from {{ ref('manual_inputs') }}
    where input = 'note_sentiment'
),

ranked as (
    select
        health.*,
        row_number() over (partition by account_id order by score_date desc) as recency
    from health
),

ranked_caps as (
    select
        ranked.account_id,
        band_caps.band_cap,
        risk_rules.rule,
        row_number() over (
            partition by ranked.account_id
            order by
                health_bands.lower_edge asc, band_caps.first_seen_on desc, band_caps.rule_id asc
        ) as choice
    from ranked
    inner join band_caps
        on ranked.account_id = band_caps.account_id
    inner join health_bands
        on
            ranked.model_version = health_bands.model_version
            and band_caps.band_cap = health_bands.band
    inner join risk_rules
        on
            band_caps.rule_id = risk_rules.rule_id
            and ranked.segment = risk_rules.segment
    where ranked.recency = 1
),

current_health as (
    select
        accounts.account_id,
        accounts.account_name,
        accounts.segment,
        accounts.product_category,
        accounts.owner_id,
        accounts.lifecycle_stage,
        accounts.arr,
        ranked.score_date,
        ranked.model_version,
        ranked.status,
        ranked.score,
        ranked.band,
        case when ranked.score is not null then steady_bands.steady_band end as steady_band,
        ranked_caps.band_cap,
        ranked_caps.rule as band_cap_reason,
        overrides.band as override_band,
        overrides.ends_on as override_ends_on,
        coalesce(measured_signals.days_since_note > rules.stale_after_days, true)
            as is_sentiment_stale,
        ranked.coverage,
        ranked.change_7d,
        ranked.change_30d,
        ranked.top_driver_up,
        ranked.top_driver_down
    from accounts
    inner join ranked
        on accounts.account_id = ranked.account_id and ranked.recency = 1
    cross join rules
    inner join measured_signals
        on
            ranked.account_id = measured_signals.account_id
            and ranked.score_date = measured_signals.date_day
    left join last_steady_dates
        on ranked.account_id = last_steady_dates.account_id
    left join steady_bands
        on
            last_steady_dates.account_id = steady_bands.account_id
            and last_steady_dates.score_date = steady_bands.score_date
    left join ranked_caps
        on ranked.account_id = ranked_caps.account_id and ranked_caps.choice = 1
    left join overrides
        on ranked.account_id = overrides.account_id
)

select * from current_health
