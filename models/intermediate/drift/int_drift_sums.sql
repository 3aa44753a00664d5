{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

with

drift_values as (
    select * from {{ ref('int_drift_values') }}
),

account_sums as (
    select
        model_version,
        segment,
        stage,
        subject,
        month,
        account_id,
        count(*) as row_count,
        sum(coverage) as coverage_sum,
        count(value) as value_count,
        sum(value) as value_sum,
        sum(cast(cast(value as decimal(19, 6)) * value as decimal(28, 12))) as square_sum
    from drift_values
    group by model_version, segment, stage, subject, month, account_id
),

-- Month null is the reference window. An account has one segment, so all together are the sum of
-- the segments.
segment_sums as (
    select
        model_version,
        segment,
        stage,
        subject,
        month,
        sum(row_count) as row_count,
        count(*) as accounts,
        sum(coverage_sum) as coverage_sum,
        sum(value_count) as value_count,
        sum(case when value_count > 0 then 1 else 0 end) as value_accounts,
        sum(value_sum) as value_sum,
        sum(square_sum) as square_sum
    from account_sums
    group by model_version, segment, stage, subject, month
),

summed as (
    select * from segment_sums
    union all
    select
        model_version,
        'all' as segment,
        stage,
        subject,
        month,
        sum(row_count) as row_count,
        sum(accounts) as accounts,
        sum(coverage_sum) as coverage_sum,
        sum(value_count) as value_count,
        sum(value_accounts) as value_accounts,
        sum(value_sum) as value_sum,
        sum(square_sum) as square_sum
    from segment_sums
    group by model_version, stage, subject, month
),

compared as (
    select
        summed.model_version,
        summed.segment,
        summed.stage,
        summed.subject,
        summed.month,
        cast(summed.accounts as bigint) as accounts,
        cast(summed.value_accounts as bigint) as value_accounts,
        cast(summed.value_count as bigint) as value_count,
        {{ round_half_up(as_double('summed.coverage_sum') ~ ' / summed.row_count', 10) }}
            as coverage,
        {{ round_half_up(
            as_double('summed.value_sum') ~ ' / nullif(summed.value_count, 0)', 10
        ) }} as value_mean,
        cast(coalesce(reference.accounts, 0) as bigint) as reference_accounts,
        cast(coalesce(reference.value_accounts, 0) as bigint) as reference_value_accounts,
        {{ round_half_up(as_double('reference.coverage_sum') ~ ' / reference.row_count', 10) }}
            as reference_coverage,
        {{ round_half_up(
            as_double('reference.value_sum') ~ ' / nullif(reference.value_count, 0)', 10
        ) }} as reference_mean,
        {{ as_double('summed.value_sum') }} / nullif(summed.value_count, 0)
        - {{ as_double('reference.value_sum') }} / nullif(reference.value_count, 0)
            as mean_difference,
        -- n * sum(v^2) - sum(v)^2 is the variance times n^2, exact in decimals.
        sqrt(
            {{ as_double(
                'cast(reference.value_count as decimal(9, 0))'
                ~ ' * cast(reference.square_sum as decimal(28, 12))'
                ~ ' - cast(reference.value_sum as decimal(19, 6))'
                ~ ' * cast(reference.value_sum as decimal(18, 6))'
            ) }}
        ) / nullif(reference.value_count, 0) as reference_deviation
    from summed
    left join summed as reference
        on
            reference.month is null
            {% for column in cell -%}
            and summed.{{ column }} = reference.{{ column }}
            {% endfor %}
    where summed.month is not null
)

select * from compared
