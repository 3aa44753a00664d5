-- The band that people see: the override of the day, else the lowest cap of open risk episodes,
-- else the steady band. One row per account and scored date of the live track.
with

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'scored'
),

steady_bands as (
    select * from {{ ref('int_health_steady_bands') }}
),

overrides as (
    select * from {{ ref('int_health_overrides') }}
),

episodes as (
    select * from {{ ref('int_risk_episodes') }}
    where band_cap is not null
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

ranked_bands as (
    select
        model_version,
        band,
        row_number() over (partition by model_version order by lower_edge) as band_rank
    from health_bands
),

caps as (
    select
        steady_bands.account_id,
        steady_bands.score_date,
        episodes.rule_id,
        episodes.band_cap,
        ranked_bands.band_rank < steady_bands.band_rank as is_lower,
        row_number() over (
            partition by steady_bands.account_id, steady_bands.score_date
            order by ranked_bands.band_rank asc, episodes.first_seen_on desc, episodes.rule_id asc
        ) as cap_rank
    from steady_bands
    inner join episodes
        on
            steady_bands.account_id = episodes.account_id
            and steady_bands.score_date >= episodes.first_seen_on
            and coalesce(steady_bands.score_date < episodes.cleared_on, true)
    inner join ranked_bands
        on
            steady_bands.model_version = ranked_bands.model_version
            and episodes.band_cap = ranked_bands.band
),

bands_with_reason as (
    select
        scores.account_id,
        scores.score_date,
        scores.model_version,
        scores.band as measured_band,
        steady_bands.steady_band,
        caps.band_cap,
        caps.rule_id as cap_rule_id,
        overrides.band as override_band,
        overrides.ends_on as override_ends_on,
        case
            when overrides.band is not null then 'overridden'
            when caps.is_lower then 'capped'
            when steady_bands.steady_band <> scores.band then 'confirmed'
            else 'measured'
        end as band_reason
    from scores
    inner join steady_bands
        on
            scores.account_id = steady_bands.account_id
            and scores.score_date = steady_bands.score_date
    left join caps
        on
            scores.account_id = caps.account_id
            and scores.score_date = caps.score_date
            and caps.cap_rank = 1
    left join overrides
        on
            scores.account_id = overrides.account_id
            and scores.score_date >= overrides.starts_on
            and scores.score_date <= overrides.ends_on
),

chosen_bands as (
    select
        bands_with_reason.*,
        case bands_with_reason.band_reason
            when 'overridden' then bands_with_reason.override_band
            when 'capped' then bands_with_reason.band_cap
            else bands_with_reason.steady_band
        end as band
    from bands_with_reason
),

shown_bands as (
    select
        chosen_bands.*,
        ranked_bands.band_rank
    from chosen_bands
    left join ranked_bands
        on
            chosen_bands.model_version = ranked_bands.model_version
            and chosen_bands.band = ranked_bands.band
)

select * from shown_bands
