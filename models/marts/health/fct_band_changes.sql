-- Changes of the band that is shown, as alerts. One row per account and change.
with

shown_bands as (
    select * from {{ ref('int_shown_bands') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

band_pairs as (
    select
        shown_bands.*,
        lag(score_date) over (partition by account_id order by score_date) as previous_score_date,
        lag(band) over (partition by account_id order by score_date) as previous_band,
        lag(band_rank) over (partition by account_id order by score_date) as previous_rank,
        lag(model_version) over (partition by account_id order by score_date) as previous_version
    from shown_bands
),

alerts as (
    select
        {{ id_of(
            "band_pairs.account_id || '|' || cast(band_pairs.previous_score_date as "
            ~ dbt.type_string() ~ ") || '|' || band_pairs.previous_band || '|' || band_pairs.band"
        ) }} as alert_id,
        band_pairs.account_id,
        accounts.owner_id,
        band_pairs.previous_score_date,
        band_pairs.score_date,
        band_pairs.previous_band,
        band_pairs.band,
        band_pairs.band_reason,
        case
            when band_pairs.model_version <> band_pairs.previous_version then 'new_version'
            when band_pairs.band_rank < band_pairs.previous_rank then 'worse'
            else 'better'
        end as direction,
        health.score,
        health.change_7d,
        health.top_driver_down
    from band_pairs
    inner join health
        on
            band_pairs.account_id = health.account_id
            and band_pairs.score_date = health.score_date
    inner join accounts
        on band_pairs.account_id = accounts.account_id
    where band_pairs.band <> band_pairs.previous_band
)

select * from alerts
