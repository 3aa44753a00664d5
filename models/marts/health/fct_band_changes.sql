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

followed as (
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
            "followed.account_id || '|' || cast(followed.previous_score_date as " ~ dbt.type_string()
            ~ ") || '|' || followed.previous_band || '|' || followed.band"
        ) }} as alert_id,
        followed.account_id,
        accounts.owner_id,
        followed.previous_score_date,
        followed.score_date,
        followed.previous_band,
        followed.band,
        followed.band_reason,
        case
            when followed.model_version <> followed.previous_version then 'new_version'
            when followed.band_rank < followed.previous_rank then 'worse'
            else 'better'
        end as direction,
        health.score,
        health.change_7d,
        health.top_driver_down
    from followed
    inner join health
        on
            followed.account_id = health.account_id
            and followed.score_date = health.score_date
    inner join accounts
        on followed.account_id = accounts.account_id
    where followed.band <> followed.previous_band
)

select * from alerts
