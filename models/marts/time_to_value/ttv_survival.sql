with

-- First value on a day that is not over lies after the days that are followed, and counts later.
times_to_value as (
    select
        persona,
        is_primary,
        segment,
        product_category,
        started_on,
        entered_after_days as entered_days,
        followed_days,
        case when days_to_value = followed_days then 1 else 0 end as is_event
    from {{ ref('fct_time_to_value') }}
    where followed_days is not null
),

by_persona as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from times_to_value
    union all
    select
        'primary' as persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from times_to_value
    where is_primary
),

by_segment as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from by_persona
    union all
    select
        persona,
        'all' as segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from by_persona
),

by_category as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from by_segment
    union all
    select
        persona,
        segment,
        'all' as product_category,
        started_on,
        entered_days,
        followed_days,
        is_event
    from by_segment
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
        is_event
    from by_category
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
        is_event
    from by_category
    {% endfor %}
),

-- An account is at risk from the day on which it enters to the day on which it leaves.
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
        0 as activated
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
        is_event as activated
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
        sum(activated) as activated
    from changes
    group by cohort_period, cohort_start, persona, segment, product_category, day
),

counted as (
    select
        days.*,
        sum(entering - leaving) over (partition by cohort_key order by day) + leaving as at_risk,
        lead(day) over (partition by cohort_key order by day) as next_day,
        min(day) over (partition by cohort_key) as first_day
    from days
),

-- The first day on which nobody is at risk although somebody enters later.
gaps as (
    select
        counted.*,
        min(
            case
                when first_day > 0 then 0
                when at_risk = leaving and next_day > day + 1 then day + 1
            end
        ) over (partition by cohort_key) as gap_day
    from counted
),

at_risk as (
    select * from gaps
    where leaving > 0 and coalesce(day < gap_day, true)
),

accumulated as (
    select
        at_risk.*,
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
        ) as is_exhausted
    from at_risk
),

estimated as (
    select
        accumulated.*,
        case when is_exhausted = 1 then 0 else exp(log_survival) end as survival_estimate,
        {{ var('confidence_z') }} * sqrt(greenwood) / nullif(abs(log_survival), 0) as spread
    from accumulated
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
        cast(leaving - activated as bigint) as censored,
        {{ round_half_up('survival_estimate', 10) }} as survival,
        case
            when is_exhausted = 1 then null
            when log_survival = 0 then 1
            else {{ round_half_up('power(survival_estimate, exp(spread))', 10) }}
        end as survival_lower,
        case
            when is_exhausted = 1 then null
            when log_survival = 0 then 1
            else {{ round_half_up('power(survival_estimate, exp(-spread))', 10) }}
        end as survival_upper
    from estimated
)

select * from survival
