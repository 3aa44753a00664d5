with

times_to_value as (
    select * from {{ ref('fct_time_to_value') }}
),

by_persona as (
    select persona, segment, product_category, started_on, followed_days, activated_on
    from times_to_value
    union all
    select 'primary' as persona, segment, product_category, started_on, followed_days, activated_on
    from times_to_value
    where is_primary
),

by_segment as (
    select persona, segment, product_category, started_on, followed_days, activated_on
    from by_persona
    union all
    select persona, 'all' as segment, product_category, started_on, followed_days, activated_on
    from by_persona
),

by_category as (
    select persona, segment, product_category, started_on, followed_days, activated_on
    from by_segment
    union all
    select persona, segment, 'all' as product_category, started_on, followed_days, activated_on
    from by_segment
),

members as (
    select
        'all' as cohort_period,
        cast(null as date) as cohort_start,
        persona,
        segment,
        product_category,
        followed_days,
        activated_on
    from by_category
    {% for period in ['month', 'week'] -%}
    union all
    select
        '{{ period }}' as cohort_period,
        {{ first_day_of(period, 'started_on') }} as cohort_start,
        persona,
        segment,
        product_category,
        followed_days,
        activated_on
    from by_category
    {% endfor %}
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
        followed_days as day,
        count(*) as leaving,
        count(activated_on) as activated
    from members
    group by cohort_period, cohort_start, persona, segment, product_category, followed_days
),

at_risk as (
    select
        days.*,
        sum(leaving) over (
            partition by cohort_key order by day desc
        ) as at_risk
    from days
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
        activated,
        leaving - activated as censored,
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
