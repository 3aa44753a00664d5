-- The health score: the weighted mean of the metrics times 100, with its status and band. One row
-- per account, score date and track.
with

changed_dates as (
    {{ changed_dates() }}
),

score_days as (
    select score_days.*
    from {{ ref('int_health_score_days') }} as score_days
    inner join changed_dates
        on score_days.score_date = changed_dates.score_date
),

metrics as (
    select metrics.*
    from {{ ref('int_health_metrics') }} as metrics
    inner join changed_dates
        on metrics.score_date = changed_dates.score_date
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

totals as (
    select
        account_id,
        score_date,
        track,
        sum(weight) as weight,
        sum(case when value_status = 'observed' then weight else 0 end) as observed_weight,
        max(total_used_weight) as used_weight,
        sum(weighted_value) as weighted_value
    from metrics
    group by account_id, score_date, track
),

dates_with_status as (
    select
        score_days.account_id,
        score_days.score_date,
        score_days.track,
        score_days.model_version,
        score_days.segment,
        score_days.product_category,
        score_days.stage,
        {{ round_half_up(as_double('totals.observed_weight') ~ ' / totals.weight', 4) }}
            as coverage,
        case
            when score_days.eligibility <> 'eligible' then score_days.eligibility
            when
                {{ round_half_up(as_double('totals.observed_weight') ~ ' / totals.weight', 4) }}
                < score_days.coverage_floor
                or coalesce(totals.used_weight, 0) = 0
                then 'too_little_data'
            else 'scored'
        end as status,
        {{ round_half_up(
            '100 * ' ~ as_double('totals.weighted_value') ~ ' / nullif(totals.used_weight, 0)', 2
        ) }}
            as weighted_score
    from score_days
    left join totals
        on
            score_days.account_id = totals.account_id
            and score_days.score_date = totals.score_date
            and score_days.track = totals.track
),

scores as (
    select
        account_id,
        score_date,
        track,
        model_version,
        segment,
        product_category,
        stage,
        coverage,
        status,
        case when status = 'scored' then weighted_score end as score
    from dates_with_status
),

band_ranges as (
    select
        model_version,
        band,
        lower_edge,
        lead(lower_edge) over (partition by model_version order by lower_edge) as upper_edge
    from health_bands
),

scores_with_band as (
    select
        scores.*,
        band_ranges.band,
        band_ranges.upper_edge as next_band_edge
    from scores
    left join band_ranges
        on
            scores.model_version = band_ranges.model_version
            and scores.score >= band_ranges.lower_edge
            and scores.score < coalesce(band_ranges.upper_edge, 1000)
)

select * from scores_with_band
