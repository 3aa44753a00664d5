{%- set is_wide = "dimension in ('all', 'segment')" %}
{%- set kinds = {
    'since_start': {'since': 'started_on', 'condition': is_wide},
    'at_step': {
        'since': 'arrived_on',
        'condition': is_wide ~ ' and none_open_before and coalesce(reached_on > arrived_on, true)'
    },
    'from_step_before': {'since': 'arrived_on', 'condition': 'all_reached_before'},
} %}
{%- set of_curve = 'over (partition by curve_key order by day)' %}

-- Kaplan-Meier curves of the days until a step is reached, with log-log Greenwood intervals. Churn,
-- a waiver and the last day that is seen censor. One row per slice, journey, step, kind of wait and
-- day on which a wait ends.
with

slices as (
    select
        slices.*,
        least(followed_on, coalesce(waived_on, followed_on)) as followed_to
    from {{ ref('int_onboarding_slices') }} as slices
    where is_followed
),

-- since_start: from the start to the step. at_step: from the day on which it became the first open
-- step; who had reached it by then did not wait. from_step_before: from the day on which all steps
-- before it were reached; who had reached it by then waited 0 days.
waits as (
    {% for kind, wait in kinds.items() -%}
    select
        '{{ kind }}' as kind,
        dimension,
        dimension_value,
        journey,
        step_number,
        milestone_id,
        {{ wait.since }} as waits_from,
        followed_to,
        reached_on
    from slices
    where {{ wait.condition }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

ended_waits as (
    select
        kind || '|' || dimension || '|' || dimension_value || '|' || journey || '|' || milestone_id
            as curve_key,
        waits.*,
        greatest(
            {{ days_between(
                'waits_from', 'least(followed_to, coalesce(reached_on, followed_to))'
            ) }}, 0
        ) as day,
        case when reached_on <= followed_to then 1 else 0 end as is_reached
    from waits
    where followed_to >= waits_from
),

days as (
    select
        curve_key,
        kind,
        dimension,
        dimension_value,
        journey,
        step_number,
        milestone_id,
        day,
        sum(is_reached) as reached,
        count(*) as leaving
    from ended_waits
    group by
        curve_key, kind, dimension, dimension_value, journey, step_number, milestone_id, day
),

days_with_risk_sets as (
    select
        days.*,
        sum(leaving) over (partition by curve_key)
        - sum(leaving) {{ of_curve }} + leaving as at_risk,
        sum(reached) {{ of_curve }} as reached_so_far
    from days
),

log_sums as (
    select
        days_with_risk_sets.*,
        at_risk + reached_so_far - reached as known,
        sum(
            case
                when reached < at_risk
                    then ln({{ as_double('at_risk - reached') }} / at_risk)
                else 0
            end
        ) {{ of_curve }} as log_survival,
        sum(
            case
                when reached < at_risk
                    then {{ as_double('reached') }}
                        / ({{ as_double('at_risk') }} * (at_risk - reached))
                else 0
            end
        ) {{ of_curve }} as greenwood,
        max(case when reached = at_risk then 1 else 0 end) {{ of_curve }} as is_exhausted
    from days_with_risk_sets
),

step_curves as (
    select
        curve_key,
        kind,
        dimension,
        dimension_value,
        journey,
        step_number,
        milestone_id,
        cast(day as integer) as day,
        cast(at_risk as bigint) as at_risk,
        cast(reached as bigint) as reached,
        cast(known as bigint) as known,
        case
            when is_exhausted = 1 then 0 else {{ round_half_up('exp(log_survival)', 10) }}
        end as survival,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '+') }} as survival_lower,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '-') }} as survival_upper
    from log_sums
)

select * from step_curves
