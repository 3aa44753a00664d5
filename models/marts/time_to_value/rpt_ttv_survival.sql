{%- set outcomes = ['activated', 'churned'] %}
{%- set of_curve = 'over (partition by cohort_key order by day)' %}

-- Curves of the time to value: Kaplan-Meier with log-log Greenwood intervals, and Aalen-Johansen
-- cumulative incidence of first value and of churn before it. One row per cohort and day on which
-- anybody leaves.
with

-- First value on a day that is not over lies after the days that are followed, and counts later.
-- Only first onboardings: accounts that are onboarded again know the product.
times_to_value as (
    select
        persona,
        is_primary,
        segment,
        product_category,
        started_on,
        entered_after_days as entered_days,
        followed_days,
        case when days_to_value = followed_days then 1 else 0 end as is_event,
        case when outcome = 'churned' then 1 else 0 end as is_churn
    from {{ ref('fct_time_to_value') }}
    where followed_days is not null and onboarding_number = 1
),

times_by_persona as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_to_value
    union all
    select
        'primary' as persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_to_value
    where is_primary
),

times_by_segment as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_persona
    union all
    select
        persona,
        'all' as segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_persona
),

times_by_category as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_segment
    union all
    select
        persona,
        segment,
        'all' as product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_segment
),

members as (
    select
        'all' as cohort_period,
        cast(null as date) as cohort_start,
        persona,
        segment,
        product_category,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_category
    {% for period in ['month', 'week'] -%}
    union all
    select
        '{{ period }}' as cohort_period,
        {{ first_day_of(period, 'started_on') }} as cohort_start,
        persona,
        segment,
        product_category,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from times_by_category
    {% endfor %}
),

-- Interval sums: +1 on the day an account enters, -1 after the day it leaves (both days at risk).
changes as (
    select
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        entered_days as day,
        1 as entering,
        0 as leaving,
        0 as activated,
        0 as churned
    from members
    union all
    select
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        followed_days as day,
        0 as entering,
        1 as leaving,
        is_event as activated,
        is_churn as churned
    from members
),

days as (
    select
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        cohort_period || '|' || coalesce(cast(cohort_start as {{ dbt.type_string() }}), '')
        || '|' || persona || '|' || segment || '|' || product_category as cohort_key,
        day,
        sum(entering) as entering,
        sum(leaving) as leaving,
        sum(activated) as activated,
        sum(churned) as churned
    from changes
    group by cohort_period, cohort_start, persona, segment, product_category, day
),

days_with_risk_sets as (
    select
        days.*,
        sum(entering - leaving) over (partition by cohort_key order by day) + leaving as at_risk,
        lead(day) over (partition by cohort_key order by day) as next_day,
        min(day) over (partition by cohort_key) as first_day
    from days
),

-- The first day with an empty risk set although accounts enter later: the curve ends there.
days_with_gaps as (
    select
        days_with_risk_sets.*,
        min(
            case
                when first_day > 0 then 0
                when at_risk = leaving and next_day > day + 1 then day + 1
            end
        ) over (partition by cohort_key) as gap_day
    from days_with_risk_sets
),

days_at_risk as (
    select * from days_with_gaps
    where leaving > 0 and coalesce(day < gap_day, true)
),

log_sums as (
    select
        days_at_risk.*,
        sum(
            case
                when
                    activated < at_risk
                    then ln({{ as_double('at_risk - activated') }} / at_risk)
                else 0
            end
        ) over (partition by cohort_key order by day) as log_survival,
        sum(
            case
                when activated < at_risk
                    then {{ as_double('activated') }}
                        / ({{ as_double('at_risk') }} * (at_risk - activated))
                else 0
            end
        ) over (partition by cohort_key order by day) as greenwood,
        max(case when activated = at_risk then 1 else 0 end) over (
            partition by cohort_key order by day
        ) as is_exhausted,
        sum(
            case
                when
                    activated + churned < at_risk
                    then ln({{ as_double('at_risk - activated - churned') }} / at_risk)
                else 0
            end
        ) over (partition by cohort_key order by day) as log_waiting,
        max(case when activated + churned = at_risk then 1 else 0 end) over (
            partition by cohort_key order by day
        ) as is_over
    from days_at_risk
),

-- Aalen-Johansen: activation and churn compete, neither censors the other. The increment of a day
-- is the share that still waited before it times the share of the risk set that activated, or
-- churned, on it.
incidences as (
    select
        log_sums.*,
        case when is_over = 1 then 0 else exp(log_waiting) end as waiting_share,
        case
            when lag(is_over, 1, 0) over (partition by cohort_key order by day) = 1 then 0
            else exp(lag(log_waiting, 1, 0) over (partition by cohort_key order by day))
        end as waited_before
    from log_sums
),

shares as (
    select
        {%- for outcome in outcomes %}
        sum({{ as_double(outcome) }} / at_risk * waited_before) over (
            partition by cohort_key order by day
        ) as {{ outcome }}_share,
        {%- endfor %}
        incidences.*
    from incidences
),

-- Terms of the variance of the cumulative incidence.
variance_terms as (
    select
        shares.*,
        {%- for outcome in outcomes %}
        waited_before * waited_before * {{ as_double(outcome) }} * (at_risk - {{ outcome }})
        / ({{ as_double('at_risk') }} * at_risk * at_risk) as {{ outcome }}_own,
        waited_before * {{ as_double(outcome) }} / ({{ as_double('at_risk') }} * at_risk)
            as {{ outcome }}_shared,
        {%- endfor %}
        case
            when activated + churned < at_risk
                then
                    {{ as_double('activated + churned') }}
                    / ({{ as_double('at_risk') }} * (at_risk - activated - churned))
            else 0
        end as ended
    from shares
),

variances as (
    select
        {%- for outcome in outcomes %}
        {{ incidence_variance(outcome, of_curve) }} as {{ outcome }}_variance,
        {%- endfor %}
        variance_terms.*
    from variance_terms
),

spreads as (
    select
        variances.*,
        {%- for outcome in outcomes %}
        {{ incidence_spread(outcome ~ '_share', outcome ~ '_variance') }} as {{ outcome }}_spread,
        {%- endfor %}
        case when is_exhausted = 1 then 0 else exp(log_survival) end as survival_estimate
    from variances
),

survival as (
    select
        cohort_key,
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        cast(day as integer) as day,
        cast(at_risk as bigint) as at_risk,
        cast(activated as bigint) as activated,
        cast(churned as bigint) as churned,
        cast(leaving - activated - churned as bigint) as censored,
        {%- for outcome in outcomes %}
        {%- set share = outcome ~ '_share' %}
        {{ round_half_up(share, 10) }} as {{ share }},
        {%- for bound, sign in [('lower', ''), ('upper', '-')] %}
        case
            when {{ share }} = 0 then 0
            else
                {{ round_half_up('power(' ~ share ~ ', exp(' ~ sign ~ outcome ~ '_spread))', 10) }}
        end as {{ share }}_{{ bound }},
        {%- endfor %}
        {%- endfor %}
        {{ round_half_up('waiting_share', 10) }} as waiting_share,
        {{ round_half_up('survival_estimate', 10) }} as survival,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '+') }} as survival_lower,
        {{ survival_bound('log_survival', 'greenwood', 'is_exhausted', '-') }} as survival_upper
    from spreads
)

select * from survival
