{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

-- PSI (population stability index) of scores and metrics, with the reference window weighted by the
-- ages of the month. One row per version, segment, stage, subject and month.
with

drift_values as (
    select * from {{ ref('int_drift_values') }}
    where measure = 'value'
),

matches as (
    select * from {{ ref('int_drift_matches') }}
    where measure = 'value'
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

bucketed_values as (
    select
        drift_values.*,
        least(
            floor(drift_values.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        ) as bucket
    from drift_values
    cross join drift_settings
),

segment_buckets as (
    select
        {{ cell | join(', ') }},
        age_band,
        month,
        bucket,
        count(*) as value_count
    from bucketed_values
    group by {{ cell | join(', ') }}, age_band, month, bucket
),

buckets as (
    select * from segment_buckets
    union all
    select
        model_version,
        'all' as segment,
        stage,
        subject,
        age_band,
        month,
        bucket,
        sum(value_count) as value_count
    from segment_buckets
    group by model_version, stage, subject, age_band, month, bucket
),

-- A bucket counts that either of the two windows fills; month null is the reference window.
bucket_sides as (
    select
        {% for column in cell -%}
        matches.{{ column }},
        {% endfor -%}
        matches.month,
        buckets.bucket,
        {{ as_double('buckets.value_count') }} as value_count,
        {{ as_double('0') }} as reference_share
    from matches
    inner join buckets
        on
            matches.month = buckets.month
            and matches.age_band = buckets.age_band
            {% for column in cell -%}
            and matches.{{ column }} = buckets.{{ column }}
            {% endfor %}
    union all
    select
        {% for column in cell -%}
        matches.{{ column }},
        {% endfor -%}
        matches.month,
        buckets.bucket,
        {{ as_double('0') }} as value_count,
        matches.weight * buckets.value_count / matches.reference_row_count as reference_share
    from matches
    inner join buckets
        on
            matches.age_band = buckets.age_band
            {% for column in cell -%}
            and matches.{{ column }} = buckets.{{ column }}
            {% endfor %}
            and buckets.month is null
),

bucket_pairs as (
    select
        {{ cell | join(', ') }},
        month,
        bucket,
        sum(value_count) as value_count,
        sum(reference_share) as reference_share
    from bucket_sides
    group by {{ cell | join(', ') }}, month, bucket
),

bucket_counts as (
    select
        {{ cell | join(', ') }},
        month,
        count(*) as bucket_count
    from bucket_pairs
    group by {{ cell | join(', ') }}, month
),

totals as (
    select
        {{ cell | join(', ') }},
        month,
        sum(row_count) as value_total,
        sum(reference_row_count) as reference_total
    from matches
    group by {{ cell | join(', ') }}, month
),

bucket_shares as (
    select
        bucket_pairs.*,
        bucket_counts.bucket_count,
        (bucket_pairs.value_count + drift_settings.smoothing)
        / (totals.value_total + drift_settings.smoothing * bucket_counts.bucket_count)
            as share,
        (bucket_pairs.reference_share * totals.reference_total + drift_settings.smoothing)
        / (totals.reference_total + drift_settings.smoothing * bucket_counts.bucket_count)
            as smoothed_reference_share
    from bucket_pairs
    inner join bucket_counts
        on
            bucket_pairs.month = bucket_counts.month
            {% for column in cell -%}
            and bucket_pairs.{{ column }} = bucket_counts.{{ column }}
            {% endfor %}
    inner join totals
        on
            bucket_pairs.month = totals.month
            {% for column in cell -%}
            and bucket_pairs.{{ column }} = totals.{{ column }}
            {% endfor %}
    cross join drift_settings
),

stability as (
    select
        {{ cell | join(', ') }},
        month,
        max(bucket_count) as bucket_count,
        sum(
            {{ round_half_up(
                '(share - smoothed_reference_share) * ln(share / smoothed_reference_share)', 12
            ) }}
        ) as psi
    from bucket_shares
    group by {{ cell | join(', ') }}, month
)

select * from stability
