{%- set slice = 'dimension, dimension_value, journey, step_number' %}

-- The strict funnel of first onboardings: a step counts the accounts that did all steps before it
-- and have had its deadline and the days of grace. Days from the step before by Kaplan-Meier. One
-- row per slice, journey and step.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

slices as (
    select
        slices.*,
        is_lived and all_lived_before as has_lived
    from {{ ref('int_onboarding_slices') }} as slices
),

stops as (
    select * from {{ ref('int_onboarding_stops') }}
),

curves as (
    select
        step_curves.*,
        min(case when survival <= 0.5 then day end) over (partition by curve_key)
            as median_days
    from {{ ref('int_onboarding_step_curves') }} as step_curves
    where kind = 'from_step_before'
),

counts as (
    select
        dimension,
        dimension_value,
        journey,
        step_number,
        milestone_id,
        milestone,
        count(case when all_done_before and has_lived and is_judged then 1 end) as entered,
        count(case when all_done_before and has_lived and is_done then 1 end) as reached,
        count(case when all_done_before and has_lived and not is_judged then 1 end) as left_out,
        count(case when all_done_before and not has_lived then 1 end) as not_lived
    from slices
    group by
        dimension, dimension_value, journey, step_number, milestone_id, milestone
),

stopped_accounts as (
    select
        slices.dimension,
        slices.dimension_value,
        slices.journey,
        slices.step_number,
        stops.seen,
        count(*) as accounts
    from slices
    inner join stops
        on
            slices.account_id = stops.account_id
            and slices.milestone_id = stops.milestone_id
    where slices.all_done_before and slices.has_lived and slices.is_judged and not slices.is_done
    group by
        slices.dimension, slices.dimension_value, slices.journey, slices.step_number, stops.seen
),

most_seen as (
    select
        stopped_accounts.*,
        row_number() over (partition by {{ slice }} order by accounts desc, seen asc) as place,
        sum(accounts) over (partition by {{ slice }}) as accounts_with_evidence
    from stopped_accounts
),

-- Brookmeyer-Crowley: the days whose interval of survival holds 0.5 bound the median.
medians as (
    select
        dimension,
        dimension_value,
        journey,
        step_number,
        max(at_risk) as waited,
        max(median_days) as median_days,
        max(case when day = median_days then known end) as median_known,
        min(case when survival_lower <= 0.5 or survival = 0 then day end) as median_days_lower,
        min(case when survival_upper <= 0.5 or survival = 0 then day end) as median_days_upper
    from curves
    group by dimension, dimension_value, journey, step_number
),

funnel as (
    select
        counts.dimension || '|' || counts.dimension_value || '|' || counts.journey || '|'
        || cast(counts.step_number as {{ dbt.type_string() }}) as funnel_key,
        counts.dimension,
        counts.dimension_value,
        counts.journey,
        counts.step_number,
        counts.milestone_id,
        counts.milestone,
        cast(counts.entered as bigint) as entered,
        cast(counts.reached as bigint) as reached,
        cast(counts.entered - counts.reached as bigint) as dropped,
        cast(counts.left_out as bigint) as left_out,
        cast(counts.not_lived as bigint) as not_lived,
        case
            when counts.entered >= milestone_settings.min_at_risk
                then {{ ratio('counts.reached', 'counts.entered') }}
        end as conversion,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when counts.entered >= milestone_settings.min_at_risk
                then {{ round_half_up(wilson_bound('counts.reached', 'counts.entered', sign), 6) }}
        end as conversion_{{ bound }},
        {%- endfor %}
        case
            when counts.entered >= milestone_settings.min_at_risk then null
            when counts.entered = 0 and counts.not_lived > 0
                then 'no account has had the days to do it'
            when counts.entered = 0 then 'no account came so far'
            else 'too few accounts: ' || cast(counts.entered as {{ dbt.type_string() }})
                || ', needs '
                || cast(milestone_settings.min_at_risk as {{ dbt.type_string() }})
        end as conversion_missing_because,
        cast(coalesce(medians.waited, 0) as bigint) as waited,
        {%- for column in ['median_days', 'median_days_lower', 'median_days_upper'] %}
        case
            when medians.median_known >= milestone_settings.min_at_risk
                then cast(medians.{{ column }} as integer)
        end as {{ column }},
        {%- endfor %}
        case
            when medians.median_days is null then 'not half of them have reached it so far'
            when medians.median_known < milestone_settings.min_at_risk
                then 'too few accounts: '
                    || cast(medians.median_known as {{ dbt.type_string() }}) || ', needs '
                    || cast(milestone_settings.min_at_risk as {{ dbt.type_string() }})
        end as median_missing_because,
        most_seen.seen as seen_before_stopping,
        cast(most_seen.accounts as bigint) as seen_before_stopping_accounts,
        cast(coalesce(most_seen.accounts_with_evidence, 0) as bigint) as dropped_with_evidence
    from counts
    cross join milestone_settings
    left join medians
        on
            counts.dimension = medians.dimension
            and counts.dimension_value = medians.dimension_value
            and counts.journey = medians.journey
            and counts.step_number = medians.step_number
    left join most_seen
        on
            counts.dimension = most_seen.dimension
            and counts.dimension_value = most_seen.dimension_value
            and counts.journey = most_seen.journey
            and counts.step_number = most_seen.step_number
            and most_seen.place = 1
)

select * from funnel
