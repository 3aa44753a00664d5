-- Champion/challenger: every candidate's score beside the live one. One row per candidate track,
-- account and date. A scorecard answers another question, so it is no candidate.
with

scores as (
    select * from {{ ref('int_health_scores') }}
),

score_days as (
    select
        account_id,
        score_date,
        track,
        arr
    from {{ ref('int_health_score_days') }}
),

current_health as (
    select * from {{ ref('fct_current_health') }}
),

scorecards as (
    select * from {{ ref('scorecards') }}
),

score_pairs as (
    select
        candidates.track,
        candidates.account_id,
        candidates.score_date,
        candidates.segment,
        candidates.stage,
        candidates.score_date = current_health.score_date as is_latest,
        live.model_version as live_version,
        candidates.model_version as candidate_version,
        live.status as live_status,
        candidates.status as candidate_status,
        cast(live.score as decimal(9, 2)) as live_score,
        cast(candidates.score as decimal(9, 2)) as candidate_score,
        cast(candidates.score - live.score as decimal(9, 2)) as score_difference,
        live.band as live_band,
        candidates.band as candidate_band,
        coalesce(live.band, '') <> coalesce(candidates.band, '') as changes_band,
        cast(score_days.arr as decimal(38, 2)) as arr
    from scores as candidates
    inner join scores as live
        on
            candidates.account_id = live.account_id
            and candidates.score_date = live.score_date
            and live.track = 'live'
    inner join score_days
        on
            candidates.account_id = score_days.account_id
            and candidates.score_date = score_days.score_date
            and candidates.track = score_days.track
    inner join current_health
        on candidates.account_id = current_health.account_id
    left join scorecards
        on candidates.track = scorecards.track
    where
        candidates.track <> 'live'
        and scorecards.track is null
        and candidates.status not in ('churned', 'completed')
)

select * from score_pairs
