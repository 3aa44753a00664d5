-- Episodes of the shown band: runs of score weekdays with the same band (gaps and islands). One row
-- per account, band and first day. An episode lasts from first_seen_on to the day before
-- cleared_on: half-open.
with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

-- Score weekdays alone: the last day of a build is no score date in a later build.
shown_bands as (
    select * from {{ ref('int_shown_bands') }}
    where {{ is_score_weekday('score_date') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live'
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

life_begins as (
    select
        account_id,
        min(date_day) as begins_on
    from measured_signals
    group by account_id
    union distinct
    select
        account_id,
        date_day as begins_on
    from measured_signals
    where is_subscribed = 0
),

-- A life runs from the start or a churn to the next churn, half-open: an account that came back
-- lives again.
lives as (
    select
        account_id,
        begins_on,
        lead(begins_on) over (partition by account_id order by begins_on) as churned_on
    from life_begins
),

bands_with_previous as (
    select
        shown_bands.account_id,
        shown_bands.score_date,
        shown_bands.band,
        lives.begins_on,
        lives.churned_on,
        lag(shown_bands.band) over (
            partition by shown_bands.account_id, lives.begins_on
            order by shown_bands.score_date
        ) as previous_band
    from shown_bands
    inner join lives
        on
            shown_bands.account_id = lives.account_id
            and shown_bands.score_date >= lives.begins_on
            and coalesce(shown_bands.score_date < lives.churned_on, true)
),

-- Gaps and islands: an episode starts where the band differs from the one before.
starts as (
    select
        bands_with_previous.*,
        lead(score_date) over (
            partition by account_id, begins_on order by score_date
        ) as next_began_on
    from bands_with_previous
    where coalesce(previous_band <> band, true)
),

episodes as (
    select
        {{ id_of(
            "starts.account_id || '|' || starts.band || '|' || cast(starts.score_date as "
            ~ dbt.type_string() ~ ")"
        ) }} as band_episode_id,
        starts.account_id,
        starts.band,
        scores.score,
        starts.score_date as first_seen_on,
        coalesce(starts.next_began_on, starts.churned_on) as cleared_on,
        case
            when starts.next_began_on is not null then 'resolved'
            when completions.account_id is not null then 'completed'
            when starts.churned_on is not null then 'churned'
        end as cleared_by
    from starts
    inner join scores
        on
            starts.account_id = scores.account_id
            and starts.score_date = scores.score_date
    left join completions
        on
            starts.account_id = completions.account_id
            and starts.churned_on >= completions.completed_on
            and starts.churned_on < coalesce(completions.returned_on, cast('9999-12-31' as date))
)

select * from episodes
