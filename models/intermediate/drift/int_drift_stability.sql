{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

with

drift_values as (
    select * from {{ ref('int_drift_values') }}
),

compared as (
    select * from {{ ref('int_drift_sums') }}
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

segment_buckets as (
    select
        drift_values.model_version,
        drift_values.segment,
        drift_values.stage,
        drift_values.subject,
        drift_values.month,
        least(
            floor(drift_values.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        ) as bucket,
        count(*) as value_count
    from drift_values
    cross join drift_settings
    where drift_values.value is not null
    group by
        drift_values.model_version,
        drift_values.segment,
        drift_values.stage,
        drift_values.subject,
        drift_values.month,
        least(
            floor(drift_values.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        )
),

bucketed as (
    select * from segment_buckets
    union all
    select
        model_version,
        'all' as segment,
        stage,
        subject,
        month,
        bucket,
        sum(value_count) as value_count
    from segment_buckets
    group by model_version, stage, subject, month, bucket
),

-- A bucket counts that either of the two windows fills.
seen_buckets as (
    select
        {{ cell | join(', ') }},
        month,
        bucket,
        value_count,
        0 as reference_count
    from bucketed
    where month is not null
    union all
    select
        reference.model_version,
        reference.segment,
        reference.stage,
        reference.subject,
        compared.month,
        reference.bucket,
        0 as value_count,
        reference.value_count as reference_count
    from bucketed as reference
    inner join compared
        on
            compared.value_count > 0
            {% for column in cell -%}
            and reference.{{ column }} = compared.{{ column }}
            {% endfor %}
    where reference.month is null
),

bucket_pairs as (
    select
        {{ cell | join(', ') }},
        month,
        bucket,
        sum(value_count) as value_count,
        sum(reference_count) as reference_count
    from seen_buckets
    group by {{ cell | join(', ') }}, month, bucket
),

bucket_totals as (
    select
        {{ cell | join(', ') }},
        month,
        count(*) as bucket_count,
        sum(value_count) as value_total,
        sum(reference_count) as reference_total
    from bucket_pairs
    group by {{ cell | join(', ') }}, month
),

bucket_shares as (
    select
        bucket_pairs.*,
        bucket_totals.bucket_count,
        ({{ as_double('bucket_pairs.value_count') }} + drift_settings.smoothing)
        / (bucket_totals.value_total + drift_settings.smoothing * bucket_totals.bucket_count)
            as share,
        ({{ as_double('bucket_pairs.reference_count') }} + drift_settings.smoothing)
        / (bucket_totals.reference_total + drift_settings.smoothing * bucket_totals.bucket_count)
            as reference_share
    from bucket_pairs
    inner join bucket_totals
        on
            bucket_pairs.month = bucket_totals.month
            {% for column in cell -%}
            and bucket_pairs.{{ column }} = bucket_totals.{{ column }}
            {% endfor %}
    cross join drift_settings
    where bucket_totals.value_total > 0 and bucket_totals.reference_total > 0
),

stability as (
    select
        {{ cell | join(', ') }},
        month,
        max(bucket_count) as bucket_count,
        sum({{ round_half_up('(share - reference_share) * ln(share / reference_share)', 12) }})
            as psi
    from bucket_shares
    group by {{ cell | join(', ') }}, month
)

select * from stability
