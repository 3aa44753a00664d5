{%- set inputs = [
    'investment', 'accounts', 'arr_per_account', 'churn_points', 'renewals_pulled_in',
    'expansion_points', 'support_cost', 'support_share_saved'
] -%}
{%- set parts = {
    'retained_arr': ['accounts', 'arr_per_account', 'churn_points'],
    'renewals_pulled_in': ['renewals_pulled_in'],
    'expansion': ['accounts', 'arr_per_account', 'expansion_points'],
    'support_saved': ['accounts', 'support_cost', 'support_share_saved'],
} -%}

-- What the programme returns in a year under given inputs, low, likely and high, and under the
-- likely ones with one input moved. One row per scenario, moved input and part.
with

roi_inputs as (
    select * from {{ ref('programme_roi_inputs') }}
),

claims as (
    select * from {{ ref('programme_roi_claims') }}
),

scenarios as (
    {% for scenario in ['low', 'likely', 'high'] -%}
    select
        '{{ scenario }}' as scenario,
        'none' as moved_input,
        '{{ scenario }}' as moved_to
    {{ 'union all' }}
    {% endfor -%}
    {% for moved_to in ['low', 'high'] -%}
    select
        'likely' as scenario,
        input as moved_input,
        '{{ moved_to }}' as moved_to
    from roi_inputs
    where {{ moved_to }} <> likely
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

scenario_inputs as (
    select
        scenarios.scenario,
        scenarios.moved_input,
        scenarios.moved_to,
        roi_inputs.input,
        case
            when scenarios.moved_input = roi_inputs.input then scenarios.moved_to
            else scenarios.scenario
        end as place,
        roi_inputs.low,
        roi_inputs.likely,
        roi_inputs.high
    from scenarios
    cross join roi_inputs
),

input_amounts as (
    select
        scenario_inputs.*,
        case place when 'low' then low when 'likely' then likely else high end as amount
    from scenario_inputs
),

pivoted_inputs as (
    select
        {%- for input in inputs %}
        max(case when input = '{{ input }}' then {{ as_double('amount') }} end) as {{ input }},
        max(case when input = '{{ input }}' then {{ number_text('amount') }} end)
            as {{ input }}_text,
        {%- endfor %}
        scenario,
        moved_input,
        moved_to
    from input_amounts
    group by scenario, moved_input, moved_to
),

part_benefits as (
    {% for part, factors in parts.items() -%}
    select
        scenario,
        moved_input,
        moved_to,
        '{{ part }}' as part,
        {{ loop.index }} as part_order,
        {{ factors | join(' * ') }} as benefit,
        investment,
        {%- set texts = [] %}
        {%- for factor in factors %}
        {%- do texts.append("'" ~ factor ~ " ' || " ~ factor ~ "_text") %}
        {%- endfor %}
        {{ texts | join(" || ' * ' || ") }} as inputs
    from pivoted_inputs
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

benefits as (
    select * from part_benefits
    union all
    select
        scenario,
        moved_input,
        moved_to,
        'total' as part,
        {{ parts | length + 1 }} as part_order,
        sum(benefit) as benefit,
        investment,
        'investment ' || {{ number_text('cast(investment as decimal(18, 2))') }} as inputs
    from part_benefits
    group by scenario, moved_input, moved_to, investment
),

claim_sums as (
    select sum(published_benefit) as published_benefit
    from claims
),

benefits_with_claim as (
    select
        benefits.*,
        benefits.part = 'total' as is_total,
        claims.published_roi,
        case
            when benefits.part = 'total' then claim_sums.published_benefit
            else claims.published_benefit
        end as published_benefit
    from benefits
    cross join claim_sums
    left join claims
        on benefits.part = claims.part
),

returns as (
    select
        scenario || '|' || moved_input || '|' || moved_to || '|' || part as roi_key,
        scenario,
        moved_input,
        case when moved_input <> 'none' then moved_to end as moved_to,
        part,
        part_order,
        {{ round_half_up('benefit', 2) }} as benefit,
        {{ round_half_up('investment', 2) }} as investment,
        {{ ratio('benefit', 'investment') }} as gross_roi,
        case when is_total then {{ ratio('benefit - investment', 'investment') }} end as net_roi,
        case when is_total and benefit > 0 then {{ ratio('12 * investment', 'benefit') }} end
            as payback_months,
        cast(published_benefit as decimal(18, 2)) as published_benefit,
        {{ ratio('published_benefit', 'investment') }} as published_gross_roi,
        published_roi,
        inputs,
        case
            when is_total
                then
                    coalesce(
                        'The published benefits of '
                        || {{ number_text('cast(published_benefit as decimal(18, 2))') }}
                        || ' give '
                        || {{ number_text(
                            'cast(' ~ ratio('published_benefit', 'investment')
                            ~ ' as decimal(18, 2))'
                        ) }}
                        || ' gross and '
                        || {{ number_text(
                            'cast(' ~ ratio('published_benefit - investment', 'investment')
                            ~ ' as decimal(18, 2))'
                        ) }}
                        || ' net'
                        || coalesce(
                            ', the headline says '
                            || {{ number_text('cast(published_roi as decimal(18, 2))') }}, ''
                        )
                        || '; these inputs give ', 'These inputs give '
                    )
                    || {{ number_text(
                        'cast(' ~ ratio('benefit', 'investment') ~ ' as decimal(18, 2))'
                    ) }}
                    || ' gross.'
            when published_benefit is null then 'No amount is published.'
            when abs({{ as_double('published_benefit') }} - benefit) < 0.005
                then 'As published.'
            else
                'Published are '
                || {{ number_text('cast(published_benefit as decimal(18, 2))') }}
                || '; these inputs give '
                || {{ number_text('cast(' ~ round_half_up('benefit', 2) ~ ' as decimal(18, 2))') }}
                || '.'
        end as verdict
    from benefits_with_claim
)

select * from returns
