-- Metrics of the health score on a scale of 0 to 1: the z-score among peers through the normal
-- distribution, or the place between two bounds; gaps filled. One row per eligible account, score
-- date, track and metric.
with

changed_dates as (
    {{ changed_dates() }}
),

-- Groups of peers are numbers, which join faster than their names.
score_days as (
    select
        score_days.*,
        dense_rank() over (
            order by
                score_days.score_date,
                score_days.model_version,
                score_days.segment,
                score_days.product_category
        ) as peer_group,
        dense_rank() over (
            order by score_days.score_date, score_days.model_version
        ) as date_group
    from {{ ref('int_health_score_days') }} as score_days
    inner join changed_dates
        on score_days.score_date = changed_dates.score_date
    where score_days.eligibility = 'eligible'
),

health_metrics as (
    select * from {{ ref('health_metrics') }}
),

health_weights as (
    select * from {{ ref('health_weights') }}
),

last_seen_signals as (
    select * from {{ ref('int_last_seen_signals') }}
),

-- A metric's row for its own version goes before the one for any version.
weighted_metrics as (
    select
        health_weights.model_version,
        health_weights.weight,
        health_metrics.metric,
        health_metrics.signal,
        health_metrics.age_signal,
        health_metrics.direction,
        health_metrics.method,
        health_metrics.lower_bound,
        health_metrics.upper_bound,
        health_metrics.missing_policy,
        health_metrics.decay_per_day,
        row_number() over (
            partition by health_weights.model_version, health_weights.metric
            order by case when health_metrics.model_version = 'any' then 1 else 0 end
        ) as preference_rank
    from health_weights
    inner join health_metrics
        on
            health_weights.metric = health_metrics.metric
            and health_metrics.model_version in (health_weights.model_version, 'any')
),

metric_signals as (
    select
        score_days.account_id,
        score_days.score_date,
        score_days.peer_group,
        score_days.date_group,
        score_days.track,
        score_days.model_version,
        score_days.min_peers,
        score_days.max_missing_peer_share,
        weighted_metrics.metric,
        weighted_metrics.weight,
        weighted_metrics.direction,
        weighted_metrics.method,
        weighted_metrics.lower_bound,
        weighted_metrics.upper_bound,
        weighted_metrics.missing_policy,
        weighted_metrics.decay_per_day,
        score_days.unobserved_decay_per_day,
        {{ signal_value('weighted_metrics.signal') }} as observed_value,
        last_seen_signals.last_value,
        last_seen_signals.last_seen_on as last_value_on,
        coalesce({{ signal_value('weighted_metrics.age_signal') }}, 0) as age_days
    from score_days
    inner join weighted_metrics
        on
            score_days.model_version = weighted_metrics.model_version
            and weighted_metrics.preference_rank = 1
    left join last_seen_signals
        on
            score_days.account_id = last_seen_signals.account_id
            and score_days.score_date = last_seen_signals.score_date
            and case
                when
                    weighted_metrics.age_signal is null
                    and score_days.unobserved_decay_per_day is not null
                    then weighted_metrics.signal
            end = last_seen_signals.signal
),

-- A signal that is no longer observed keeps the value of the last day on which it was.
metrics_with_last_value as (
    select
        metric_signals.*,
        coalesce(observed_value, last_value) as metric_value,
        case when observed_value is null then last_value_on end as last_seen_on
    from metric_signals
),

metrics_with_peer_value as (
    select
        metrics_with_last_value.*,
        coalesce({{ days_between('last_seen_on', 'score_date') }}, 0) as unseen_days,
        {{ round_half_up('metric_value', 4) }} as peer_value
    from metrics_with_last_value
),

group_spreads as (
    select
        peer_group,
        date_group,
        metric,
        min_peers,
        count(*) as eligible_count,
        count(metric_value) as known_count,
        sum(peer_value) as value_sum,
        sum(cast(cast(peer_value as decimal(19, 4)) * peer_value as decimal(28, 8))) as square_sum
    from metrics_with_peer_value
    group by peer_group, date_group, metric, min_peers
),

date_spreads as (
    select
        date_group,
        metric,
        sum(eligible_count) as eligible_count,
        sum(known_count) as known_count,
        sum(value_sum) as value_sum,
        sum(square_sum) as square_sum
    from group_spreads
    group by date_group, metric
),

-- Where a group has fewer than `min_peers` accounts, or so few with a value, all accounts of the
-- date and version are the peers.
peer_spreads as (
    select
        group_spreads.peer_group,
        group_spreads.metric,
        group_spreads.eligible_count < group_spreads.min_peers as is_group_small,
        case
            when group_spreads.eligible_count < group_spreads.min_peers
                then date_spreads.eligible_count
            else group_spreads.eligible_count
        end as eligible_count,
        case
            when group_spreads.eligible_count < group_spreads.min_peers
                then date_spreads.known_count
            else group_spreads.known_count
        end as known_count,
        case
            when group_spreads.known_count < group_spreads.min_peers then date_spreads.known_count
            else group_spreads.known_count
        end as peer_count,
        case
            when group_spreads.known_count < group_spreads.min_peers then date_spreads.value_sum
            else group_spreads.value_sum
        end as value_sum,
        case
            when group_spreads.known_count < group_spreads.min_peers then date_spreads.square_sum
            else group_spreads.square_sum
        end as square_sum
    from group_spreads
    inner join date_spreads
        on
            group_spreads.date_group = date_spreads.date_group
            and group_spreads.metric = date_spreads.metric
),

metrics_with_peer_sums as (
    select
        metrics_with_peer_value.*,
        peer_spreads.is_group_small,
        peer_spreads.eligible_count,
        peer_spreads.known_count,
        peer_spreads.peer_count,
        peer_spreads.value_sum,
        peer_spreads.square_sum
    from metrics_with_peer_value
    inner join peer_spreads
        on
            metrics_with_peer_value.peer_group = peer_spreads.peer_group
            and metrics_with_peer_value.metric = peer_spreads.metric
),

-- z-score; n * sum(v^2) - sum(v)^2 is the variance times n^2, exact in decimals.
metrics_with_z as (
    select
        metrics_with_peer_sums.*,
        {{ as_double('peer_count * peer_value - value_sum') }}
        / nullif(
            sqrt(
                {{ as_double(
                    'cast(peer_count as decimal(8, 0)) * cast(square_sum as decimal(28, 8))'
                    ~ ' - cast(value_sum as decimal(19, 4)) * cast(value_sum as decimal(17, 4))'
                ) }}
            ),
            0
        ) as z
    from metrics_with_peer_sums
),

scaled_metrics as (
    select
        metrics_with_z.*,
        case
            when metric_value is null then null
            when method = 'bounded'
                then {{ share_of_range('metric_value', 'lower_bound', 'upper_bound') }}
            when z is null then 0.5
            else {{ normal_cdf('z') }}
        end as scaled_value
    from metrics_with_z
),

-- More is made better, and the older a value is the more it is drawn to 0.5 (exponential decay).
normalised_metrics as (
    select
        scaled_metrics.*,
        {{ round_half_up(
            "0.5 + (case when direction = 'lower' then 0.5 - scaled_value else scaled_value - 0.5 end)"
            ~ ' * exp(-' ~ as_double('decay_per_day') ~ ' * age_days - '
            ~ as_double('coalesce(unobserved_decay_per_day, 0)') ~ ' * unseen_days)', 6
        ) }} as known_x
    from scaled_metrics
),

group_medians as (
    select
        peer_group,
        date_group,
        metric,
        is_group_small,
        {{ round_half_up(median('known_x'), 6) }} as median_x,
        {{ round_half_up(median('metric_value'), 6) }} as median_value
    from normalised_metrics
    group by peer_group, date_group, metric, is_group_small
),

date_medians as (
    select
        date_group,
        metric,
        {{ round_half_up(median('known_x'), 6) }} as median_x,
        {{ round_half_up(median('metric_value'), 6) }} as median_value
    from normalised_metrics
    group by date_group, metric
),

peer_medians as (
    select
        group_medians.peer_group,
        group_medians.metric,
        case
            when group_medians.is_group_small then date_medians.median_x else group_medians.median_x
        end as median_x,
        case
            when group_medians.is_group_small then date_medians.median_value
            else group_medians.median_value
        end as median_value
    from group_medians
    inner join date_medians
        on
            group_medians.date_group = date_medians.date_group
            and group_medians.metric = date_medians.metric
),

metrics_with_medians as (
    select
        normalised_metrics.*,
        peer_medians.median_x,
        peer_medians.median_value as peer_median
    from normalised_metrics
    inner join peer_medians
        on
            normalised_metrics.peer_group = peer_medians.peer_group
            and normalised_metrics.metric = peer_medians.metric
),

metrics_with_status as (
    select
        metrics_with_medians.*,
        case
            when last_seen_on is not null then 'last_seen'
            when metric_value is not null then 'observed'
            when
                missing_policy = 'drop'
                or eligible_count - known_count > max_missing_peer_share * eligible_count
                then 'dropped'
            when missing_policy = 'neutral' then 'neutral'
            when median_x is null then 'dropped'
            else 'imputed'
        end as value_status
    from metrics_with_medians
),

filled_metrics as (
    select
        account_id,
        score_date,
        track,
        model_version,
        metric,
        weight,
        metric_value,
        value_status,
        last_seen_on,
        peer_median,
        case value_status
            when 'neutral' then cast(0.5 as decimal(18, 6))
            when 'imputed' then median_x
            else known_x
        end as normalised_value,
        case when value_status = 'dropped' then 0 else weight end as used_weight
    from metrics_with_status
),

-- Running sums by metric: int_health_drivers rounds them, so that points add up to the score.
metrics_with_running_sums as (
    select
        filled_metrics.*,
        cast(coalesce(used_weight * normalised_value, 0) as decimal(24, 12)) as weighted_value,
        sum(used_weight) over (partition by account_id, score_date, track) as total_used_weight,
        sum(used_weight) over (
            partition by account_id, score_date, track order by metric
        ) as weight_so_far,
        sum(cast(coalesce(used_weight * normalised_value, 0) as decimal(24, 12))) over (
            partition by account_id, score_date, track order by metric
        ) as value_so_far
    from filled_metrics
)

select * from metrics_with_running_sums
