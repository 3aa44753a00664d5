-- Bands with hysteresis: a band changes only once the score is the edge's hold_margin beyond it.
-- One row per account and scored date of the live track.
with

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'scored'
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

ranked_bands as (
    select
        model_version,
        band,
        lower_edge,
        hold_margin,
        row_number() over (partition by model_version order by lower_edge) as band_rank
    from health_bands
),

-- On which side of each edge a score is: 1 = above, 0 = below. Within the margin it decides nothing
-- (null), and the side that was decided last holds.
sides as (
    select
        scores.account_id,
        scores.score_date,
        scores.model_version,
        ranked_bands.band_rank,
        case when scores.score >= ranked_bands.lower_edge then 1 else 0 end as side_without_margin,
        case
            when scores.score >= ranked_bands.lower_edge + ranked_bands.hold_margin then 1
            when scores.score < ranked_bands.lower_edge - ranked_bands.hold_margin then 0
        end as decided_side
    from scores
    inner join ranked_bands
        on scores.model_version = ranked_bands.model_version
),

-- The last decided side, or before the first decision the side of the first score.
held_sides as (
    select
        account_id,
        score_date,
        model_version,
        coalesce(
            {{ last_known('decided_side') }} over (
                partition by account_id, model_version, band_rank order by score_date
                rows between unbounded preceding and current row
            ),
            first_value(side_without_margin) over (
                partition by account_id, model_version, band_rank order by score_date
                rows between unbounded preceding and current row
            )
        ) as side
    from sides
),

-- Every score is above the lowest band's edge, so the edges that it is above count up to the rank.
held_ranks as (
    select
        account_id,
        score_date,
        model_version,
        sum(side) as band_rank
    from held_sides
    group by account_id, score_date, model_version
),

steady_bands as (
    select
        held_ranks.account_id,
        held_ranks.score_date,
        held_ranks.model_version,
        ranked_bands.band as steady_band,
        cast(held_ranks.band_rank as bigint) as band_rank
    from held_ranks
    inner join ranked_bands
        on
            held_ranks.model_version = ranked_bands.model_version
            and held_ranks.band_rank = ranked_bands.band_rank
)

select * from steady_bands
