{%- set dimensions = {
    'all': "'all'",
    'month': 'cast(' ~ first_day_of('month', 'started_on') ~ ' as ' ~ dbt.type_string() ~ ')',
    'week': 'cast(' ~ first_day_of('week', 'started_on') ~ ' as ' ~ dbt.type_string() ~ ')',
    'persona': 'persona',
    'segment': 'segment',
    'category': 'product_category',
    'variant': "coalesce(variant, 'none')",
} %}
{%- set flags = {
    'none_open_before': 'not is_open',
    'all_reached_before': 'is_judged and reached_on is not null',
    'all_done_before': 'is_judged and reached_on <= horizon_on',
    'all_lived_before': 'horizon_on <= seen_until',
} %}
{%- set earlier = 'over (
            partition by dimension, dimension_value, journey, account_id order by step_number
            rows between unbounded preceding and 1 preceding
        )' %}

-- Steps of first onboardings by slice: all accounts, or those of a month, week, segment, category
-- or variant. The slice of a persona has the steps of that persona only. One row per slice,
-- journey, account and step.
with

steps as (
    select * from {{ ref('int_onboarding_steps') }}
    where onboarding_number = 1
),

onboarding_settings as (
    select * from {{ ref('onboarding_settings') }}
),

sliced_steps as (
    {% for dimension, dimension_value in dimensions.items() -%}
    select
        steps.*,
        '{{ dimension }}' as dimension,
        {{ dimension_value }} as dimension_value
    from steps
    {% if dimension == 'persona' %}where persona is not null{% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

steps_with_horizon as (
    select
        sliced_steps.*,
        {{ add_days('sliced_steps.due_on', 'onboarding_settings.funnel_grace_days') }} as horizon_on
    from sliced_steps
    cross join onboarding_settings
),

slices as (
    select
        dimension,
        dimension_value,
        journey,
        account_id,
        cast(
            row_number() over (
                partition by dimension, dimension_value, journey, account_id order by step_number
            ) as integer
        ) as step_number,
        milestone_id,
        milestone,
        product_category,
        started_on,
        churned_on,
        ended_on,
        due_on,
        horizon_on,
        reached_on,
        waived_on,
        seen_until,
        followed_on,
        is_observable,
        is_followed,
        is_judged,
        is_judged and coalesce(reached_on <= horizon_on, false) as is_done,
        horizon_on <= seen_until as is_lived,
        {%- for column, condition in flags.items() %}
        coalesce(
            min(case when {{ condition }} then 1 else 0 end) {{ earlier }}, 1
        ) = 1 as {{ column }},
        {%- endfor %}
        greatest(started_on, coalesce(max(passed_on) {{ earlier }}, started_on)) as arrived_on
    from steps_with_horizon
)

select * from slices
