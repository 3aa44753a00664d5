-- The latest score and the band to show of every account: an override by hand goes before a cap by
-- a risk rule, that before the band with hysteresis. One row per account.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

shown_bands as (
    select * from {{ ref('int_shown_bands') }}
),

last_shown_dates as (
    select
        account_id,
        max(score_date) as score_date
    from shown_bands
    group by account_id
),

overrides as (
    select * from {{ ref('int_health_overrides') }}
    where is_active
),

band_steps as (
    select
        model_version,
        band,
        lower_edge,
        lead(band) over (partition by model_version order by lower_edge) as next_band,
        lead(lower_edge) over (partition by model_version order by lower_edge) as next_edge
    from {{ ref('health_bands') }}
),

risk_rules as (
    select * from {{ ref('int_risk_rules') }}
),

measured_signals as (
    select
        account_id,
        date_day,
        days_since_note
    from {{ ref('int_measured_signals') }}
),

note_rules as (
    select * from {{ ref('manual_inputs') }}
    where input = 'note_sentiment'
),

ranked_health as (
    select
        health.*,
        row_number() over (partition by account_id order by score_date desc) as recency
    from health
),

-- The latest band that was shown, with the name of the rule that capped it. It stays after churn.
last_bands as (
    select
        shown_bands.*,
        risk_rules.rule
    from last_shown_dates
    inner join shown_bands
        on
            last_shown_dates.account_id = shown_bands.account_id
            and last_shown_dates.score_date = shown_bands.score_date
    inner join accounts
        on shown_bands.account_id = accounts.account_id
    left join risk_rules
        on
            shown_bands.cap_rule_id = risk_rules.rule_id
            and accounts.segment = risk_rules.segment
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
        ranked_health.score_date,
        ranked_health.model_version,
        ranked_health.status,
        ranked_health.score,
        case when ranked_health.score is null then overrides.band else last_bands.band end as band,
        case
            when ranked_health.score is not null then last_bands.band_reason
            when overrides.band is not null then 'overridden'
        end as band_reason,
        ranked_health.band as measured_band,
        case when ranked_health.score is not null then last_bands.steady_band end as steady_band,
        case when ranked_health.status = 'scored' then last_bands.band_cap end as band_cap,
        case when ranked_health.status = 'scored' then last_bands.rule end as band_cap_reason,
        overrides.band as override_band,
        overrides.ends_on as override_ends_on,
        coalesce(measured_signals.days_since_note > note_rules.stale_after_days, true)
            as is_sentiment_stale,
        case when measured.next_edge > shown.lower_edge then measured.next_band end as next_band,
        cast(
            case
                when measured.next_edge > shown.lower_edge
                    then measured.next_edge - ranked_health.score
            end
            as decimal(9, 2)
        ) as points_to_next_band,
        ranked_health.coverage,
        ranked_health.change_7d,
        ranked_health.change_30d,
        ranked_health.top_driver_up,
        ranked_health.top_driver_down
    from accounts
    inner join ranked_health
        on accounts.account_id = ranked_health.account_id and ranked_health.recency = 1
    cross join note_rules
    inner join measured_signals
        on
            ranked_health.account_id = measured_signals.account_id
            and ranked_health.score_date = measured_signals.date_day
    left join last_bands
        on ranked_health.account_id = last_bands.account_id
    left join band_steps as shown
        on
            case when ranked_health.status = 'scored' then ranked_health.model_version end
            = shown.model_version
            and last_bands.band = shown.band
    left join band_steps as measured
        on
            ranked_health.model_version = measured.model_version
            and ranked_health.band = measured.band
    left join overrides
        on ranked_health.account_id = overrides.account_id
)

select * from current_health
