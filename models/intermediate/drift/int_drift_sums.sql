{%- set cell = ['model_version', 'segment', 'stage', 'measure', 'subject'] -%}

-- Means of a month and of its reference window, weighted by the ages of the month, and the variance
-- factor of their difference: Kish's sum of squared account weights. One row per cell and month.
with

account_sums as (
    select * from {{ ref('int_drift_account_sums') }}
),

matches as (
    select * from {{ ref('int_drift_matches') }}
),

month_accounts as (
    select
        {% for column in cell -%}
        account_sums.{{ column }},
        {% endfor -%}
        account_sums.month,
        count(distinct account_sums.account_id) as all_accounts,
        count(
            distinct case when matches.age_band is not null then account_sums.account_id end
        ) as accounts
    from account_sums
    left join matches
        on
            account_sums.month = matches.month
            and account_sums.age_band = matches.age_band
            {% for column in cell -%}
            and account_sums.{{ column }} = matches.{{ column }}
            {% endfor %}
    where account_sums.month is not null
    group by
        {% for column in cell -%}
        account_sums.{{ column }},
        {% endfor -%}
        account_sums.month
),

reference_weights as (
    select
        {% for column in cell -%}
        matches.{{ column }},
        {% endfor -%}
        matches.month,
        account_sums.account_id,
        sum(matches.weight * account_sums.row_count / matches.reference_row_count) as weight
    from matches
    inner join account_sums
        on
            matches.age_band = account_sums.age_band
            {% for column in cell -%}
            and matches.{{ column }} = account_sums.{{ column }}
            {% endfor %}
            and account_sums.month is null
    group by
        {% for column in cell -%}
        matches.{{ column }},
        {% endfor -%}
        matches.month,
        account_sums.account_id
),

reference_accounts as (
    select
        {{ cell | join(', ') }},
        month,
        count(*) as accounts,
        sum(weight * weight) as variance
    from reference_weights
    group by {{ cell | join(', ') }}, month
),

-- The mean of the reference window with the ages of the month.
means as (
    select
        {{ cell | join(', ') }},
        month,
        sum({{ as_double('value_sum') }}) / sum(row_count) as mean,
        sum(weight * {{ as_double('reference_value_sum') }} / reference_row_count)
            as reference_mean,
        sum(weight * {{ as_double('reference_square_sum') }} / reference_row_count)
            as reference_square,
        min(reference_least_value) < max(reference_greatest_value) as has_spread
    from matches
    group by {{ cell | join(', ') }}, month
),

drift_sums as (
    select
        {% for column in cell -%}
        month_accounts.{{ column }},
        {% endfor -%}
        month_accounts.month,
        month_accounts.accounts,
        month_accounts.all_accounts - month_accounts.accounts as unmatched_accounts,
        coalesce(reference_accounts.accounts, 0) as reference_accounts,
        {{ round_half_up('means.mean', 10) }} as value,
        {{ round_half_up('means.reference_mean', 10) }} as reference_value,
        means.mean - means.reference_mean as mean_difference,
        case
            when means.has_spread
                then
                    sqrt(
                        means.reference_square - means.reference_mean * means.reference_mean
                    )
        end as reference_deviation,
        {{ as_double('1') }} / nullif(month_accounts.accounts, 0) + reference_accounts.variance
            as variance
    from month_accounts
    left join means
        on
            month_accounts.month = means.month
            {% for column in cell -%}
            and month_accounts.{{ column }} = means.{{ column }}
            {% endfor %}
    left join reference_accounts
        on
            month_accounts.month = reference_accounts.month
            {% for column in cell -%}
            and month_accounts.{{ column }} = reference_accounts.{{ column }}
            {% endfor %}
)

select * from drift_sums
