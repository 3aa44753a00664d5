{%- set outcomes = [
    'on_time', 'late', 'overdue', 'not_yet_lived', 'left_before_due', 'without_seats',
    'not_observable', 'waived'
] %}
{%- set shares = {'on_time_share': 'on_time', 'completed_share': 'completed'} %}

-- What became of each milestone in first onboardings, and the shares on time and completed among
-- those that have lived its deadline. One row per slice and milestone.
with

slices as (
    select * from {{ ref('int_onboarding_slices') }}
    where dimension <> 'persona'
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

-- A milestone that is reached before its deadline is over counts then: those that are not reached
-- are not known before.
slices_with_outcome as (
    select
        dimension,
        dimension_value,
        milestone_id,
        milestone,
        case
            when waived_on is not null then 'waived'
            when not is_observable then 'not_observable'
            when not is_followed then 'without_seats'
            when churned_on <= due_on then 'left_before_due'
            when due_on > seen_until then 'not_yet_lived'
            when reached_on <= due_on then 'on_time'
            when reached_on is not null then 'late'
            else 'overdue'
        end as outcome
    from slices
),

counts as (
    select
        dimension,
        dimension_value,
        milestone_id,
        milestone,
        count(*) as accounts,
        {%- for outcome in outcomes %}
        count(case when outcome = '{{ outcome }}' then 1 end) as {{ outcome }},
        {%- endfor %}
        count(case when outcome in ('on_time', 'late', 'overdue') then 1 end) as judged,
        count(case when outcome in ('on_time', 'late') then 1 end) as completed
    from slices_with_outcome
    group by dimension, dimension_value, milestone_id, milestone
),

counts_with_settings as (
    select
        counts.*,
        milestone_settings.min_at_risk
    from counts
    cross join milestone_settings
),

heatmap as (
    select
        dimension || '|' || dimension_value || '|' || milestone_id as heatmap_key,
        dimension,
        dimension_value,
        milestone_id,
        milestone,
        cast(accounts as bigint) as accounts,
        {%- for outcome in outcomes %}
        cast({{ outcome }} as bigint) as {{ outcome }},
        {%- endfor %}
        cast(judged as bigint) as judged,
        {%- for share, outcome in shares.items() %}
        case when judged >= min_at_risk then {{ ratio(outcome, 'judged') }} end as {{ share }},
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when judged >= min_at_risk
                then {{ round_half_up(wilson_bound(outcome, 'judged', sign), 6) }}
        end as {{ share }}_{{ bound }},
        {%- endfor %}
        {%- endfor %}
        case
            when judged >= min_at_risk then null
            when judged = 0 and not_yet_lived > 0 then 'no account has lived the deadline'
            else 'too few accounts: ' || cast(judged as {{ dbt.type_string() }})
                || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
        end as missing_because
    from counts_with_settings
)

select * from heatmap
