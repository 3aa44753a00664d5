-- What each metric adds to the score in points, and what it costs. One row per account, score date,
-- track and metric.
with

changed_dates as (
    {{ changed_dates() }}
),

metrics as (
    select metrics.*
    from {{ ref('int_health_metrics') }} as metrics
    inner join changed_dates
        on metrics.score_date = changed_dates.score_date
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where status = 'scored'
),

-- Running sums are rounded and not each metric, so that the points sum to the score exactly.
metrics_with_points as (
    select
        metrics.*,
        scores.score,
        scores.next_band_edge,
        {{ round_half_up(
            '100 * ' ~ as_double('metrics.value_so_far') ~ ' / metrics.total_used_weight', 2
        ) }} as points_so_far,
        {{ round_half_up(
            '100 * ' ~ as_double('metrics.value_so_far - metrics.weighted_value')
            ~ ' / metrics.total_used_weight', 2
        ) }} as points_before,
        {{ round_half_up(
            '100 * ' ~ as_double('metrics.weight_so_far - metrics.value_so_far')
            ~ ' / metrics.total_used_weight', 2
        ) }} as lost_so_far,
        {{ round_half_up(
            '100 * ' ~ as_double(
                'metrics.weight_so_far - metrics.used_weight - metrics.value_so_far'
                ~ ' + metrics.weighted_value'
            ) ~ ' / metrics.total_used_weight', 2
        ) }} as lost_before,
        {{ round_half_up(
            as_double('scores.next_band_edge - scores.score') ~ ' * metrics.total_used_weight'
            ~ ' / (100 * nullif(metrics.used_weight, 0))', 6
        ) }} as x_to_next_band
    from metrics
    inner join scores
        on
            metrics.account_id = scores.account_id
            and metrics.score_date = scores.score_date
            and metrics.track = scores.track
),

drivers as (
    select
        account_id,
        score_date,
        metric,
        track,
        model_version,
        value_status,
        last_seen_on,
        metric_value as value,
        normalised_value as normalised,
        weight,
        cast(points_so_far - points_before as decimal(9, 2)) as points,
        cast(lost_so_far - lost_before as decimal(9, 2)) as points_lost,
        peer_median,
        case
            when normalised_value + x_to_next_band <= 1 then x_to_next_band
        end as change_needed_for_next_band
    from metrics_with_points
)

select * from drivers
