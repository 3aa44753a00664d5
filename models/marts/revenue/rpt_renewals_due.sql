{%- set bounds = {
    'rate': ['churn_probability', 'gross_renewal_rate'],
    'rate_lower': ['probability_upper', 'gross_renewal_rate_lower'],
    'rate_upper': ['probability_lower', 'gross_renewal_rate_upper'],
} -%}

-- ARR that comes up for renewal, and how much of it is expected to be renewed: within a horizon by
-- the account's probability of churn, beyond it by the renewal rate of its segment. One row per
-- segment and quarter.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

renewals as (
    select * from {{ ref('fct_renewals') }}
    where outcome in ('open', 'notice_given')
),

probabilities as (
    select * from {{ ref('fct_churn_probabilities') }}
),

renewal_rates as (
    select * from {{ ref('rpt_renewal_rates') }}
    where period = 'complete_quarters' and gross_renewal_rate is not null
),

segment_rates as (
    select * from renewal_rates
    where dimension = 'segment'
),

-- One row, of nulls where no rate is known.
all_rates as (
    select
        max(gross_renewal_rate) as gross_renewal_rate,
        max(gross_renewal_rate_lower) as gross_renewal_rate_lower,
        max(gross_renewal_rate_upper) as gross_renewal_rate_upper
    from renewal_rates
    where dimension = 'all'
),

terms_ahead as (
    select renewals.*
    from renewals
    cross join build_moment
    where renewals.outcome = 'open' and renewals.term_ends_on >= build_moment.as_of
),

-- The shortest window in which the day after the term lies.
terms_with_horizon as (
    select
        terms_ahead.renewal_key,
        probabilities.churn_probability,
        probabilities.probability_lower,
        probabilities.probability_upper,
        row_number() over (
            partition by terms_ahead.renewal_key order by probabilities.horizon_days
        ) as horizon_rank
    from terms_ahead
    inner join probabilities
        on
            terms_ahead.account_id = probabilities.account_id
            and terms_ahead.term_ends_on
            < {{ add_days(
                'probabilities.score_date',
                '(probabilities.lead_gap_days + probabilities.horizon_days)'
            ) }}
            and probabilities.churn_probability is not null
),

rated_terms as (
    select
        renewals.*,
        cast({{ dbt.date_trunc('quarter', 'renewals.term_ends_on') }} as date) as quarter_start,
        terms_ahead.renewal_key is not null as is_ahead,
        {% for rate, (of_churn, of_renewal) in bounds.items() -%}
        cast(
            coalesce(
                1 - terms_with_horizon.{{ of_churn }},
                segment_rates.{{ of_renewal }},
                all_rates.{{ of_renewal }}
            ) as decimal(18, 12)
        ) as {{ rate }},
        {% endfor -%}
        terms_with_horizon.renewal_key is not null as is_within_horizon
    from renewals
    cross join all_rates
    left join terms_ahead
        on renewals.renewal_key = terms_ahead.renewal_key
    left join terms_with_horizon
        on
            renewals.renewal_key = terms_with_horizon.renewal_key
            and terms_with_horizon.horizon_rank = 1
    left join segment_rates
        on renewals.segment = segment_rates.dimension_value
),

expectations as (
    select
        {%- for rate, name in {
            'rate': 'expected', 'rate_lower': 'at_lower', 'rate_upper': 'at_upper'
        }.items() %}
        {{ round_half_up(as_double('arr_up_for_renewal') ~ ' * ' ~ as_double(rate), 2) }}
            as {{ name }},
        {%- endfor %}
        rated_terms.*
    from rated_terms
),

expectations_by_segment as (
    select expectations.*, segment as cohort_segment from expectations
    union all
    select expectations.*, 'all' as cohort_segment from expectations
),

{% set is_rated = 'is_ahead and rate is not null' -%}
totals as (
    select
        cohort_segment,
        quarter_start,
        cast(count(distinct case when is_ahead then account_id end) as bigint) as accounts,
        {%- for name, condition in {
            '': 'is_ahead',
            'overdue_': "outcome = 'open' and not is_ahead",
            'notice_': "outcome = 'notice_given'",
        }.items() %}
        cast(sum(case when {{ condition }} then 1 else 0 end) as bigint) as {{ name }}terms,
        cast(
            sum(case when {{ condition }} then arr_up_for_renewal else 0 end) as decimal(18, 2)
        ) as {{ name or 'due_' }}arr,
        {%- endfor %}
        cast(
            sum(case when is_within_horizon then arr_up_for_renewal else 0 end) as decimal(18, 2)
        ) as by_probability_arr,
        cast(
            sum(
                case
                    when {{ is_rated }} and not is_within_horizon then arr_up_for_renewal
                    else 0
                end
            ) as decimal(18, 2)
        ) as by_renewal_rate_arr,
        -- A discount line has an ARR below 0, so that its bounds change places.
        {%- for name, value in {
            'expected_arr': 'expected',
            'expected_arr_lower': 'least(at_lower, at_upper)',
            'expected_arr_upper': 'greatest(at_lower, at_upper)',
        }.items() %}
        cast(sum(case when {{ is_rated }} then {{ value }} end) as decimal(18, 2)) as {{ name }},
        {%- endfor %}
        sum(case when {{ is_rated }} then 1 else 0 end) as rated_terms
    from expectations_by_segment
    group by cohort_segment, quarter_start
),

due as (
    select
        cohort_segment || '|' || cast(quarter_start as {{ dbt.type_string() }}) as due_key,
        cohort_segment as segment,
        quarter_start,
        {{ add_days(
            'cast(' ~ dbt.date_trunc('quarter', add_days('quarter_start', 95)) ~ ' as date)', -1
        ) }} as quarter_end,
        accounts,
        terms,
        due_arr as arr_up_for_renewal,
        by_probability_arr,
        by_renewal_rate_arr,
        cast(due_arr - by_probability_arr - by_renewal_rate_arr as decimal(18, 2))
            as unknown_arr,
        expected_arr as expected_renewed_arr,
        expected_arr_lower as expected_renewed_arr_lower,
        expected_arr_upper as expected_renewed_arr_upper,
        overdue_terms,
        overdue_arr,
        notice_terms,
        notice_arr,
        case
            when terms = 0 then 'no term is open and ahead'
            when rated_terms = 0 then 'no probability of churn and no renewal rate is known'
            when rated_terms < terms
                then
                    'no probability of churn and no renewal rate for terms: '
                    || cast(terms - rated_terms as {{ dbt.type_string() }})
        end as missing_because
    from totals
)

select * from due
