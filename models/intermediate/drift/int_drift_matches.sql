{%- set cell = ['model_version', 'segment', 'stage', 'measure', 'subject'] -%}

-- Direct standardisation: each month by age band beside the reference window of that age, with the
-- share of the month that the age band has as weight. One row per cell, month and age band.
with

account_sums as (
    select * from {{ ref('int_drift_account_sums') }}
),

age_sums as (
    select
        {{ cell | join(', ') }},
        age_band,
        month,
        sum(row_count) as row_count,
        sum(value_sum) as value_sum,
        sum(square_sum) as square_sum,
        min(least_value) as least_value,
        max(greatest_value) as greatest_value
    from account_sums
    group by {{ cell | join(', ') }}, age_band, month
),

-- Month null is the reference window.
matches as (
    select
        {% for column in cell -%}
        age_sums.{{ column }},
        {% endfor -%}
        age_sums.age_band,
        age_sums.month,
        cast(age_sums.row_count as bigint) as row_count,
        age_sums.value_sum,
        cast(reference.row_count as bigint) as reference_row_count,
        reference.value_sum as reference_value_sum,
        reference.square_sum as reference_square_sum,
        reference.least_value as reference_least_value,
        reference.greatest_value as reference_greatest_value,
        {{ as_double('age_sums.row_count') }} / sum(age_sums.row_count) over (
            partition by
                {% for column in cell -%}
                age_sums.{{ column }},
                {% endfor -%}
                age_sums.month
        ) as weight
    from age_sums
    inner join age_sums as reference
        on
            age_sums.age_band = reference.age_band
            {% for column in cell -%}
            and age_sums.{{ column }} = reference.{{ column }}
            {% endfor %}
            and reference.month is null
    where age_sums.month is not null
)

select * from matches
