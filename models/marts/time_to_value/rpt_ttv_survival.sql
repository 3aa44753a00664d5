with

-- First value on a day that is not over lies after the days that are followed, and counts later.
-- Who is onboarded again knows the product, so each account counts by its first onboarding.
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

by_persona as (
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

by_segment as (
    select
        persona,
        segment,
        product_category,
        started_on,
        entered_days,
        followed_days,
        is_event,
        is_churn
    from by_persona
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
        is_event,
        is_churn
    from by_segment
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
        is_event,
        is_churn
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
        is_event,
        is_churn
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
    from at_risk
),

-- Who churned can no longer activate, and is not censored here: of those who were still waiting
-- before the day, so many activated on it (Aalen and Johansen).
incidences as (
    select
        accumulated.*,
        case when is_over = 1 then 0 else exp(log_waiting) end as waiting_share,
        case
            when lag(is_over, 1, 0) over (partition by cohort_key order by day) = 1 then 0
            else exp(lag(log_waiting, 1, 0) over (partition by cohort_key order by day))
        end as waited_before
    from accumulated
),

shares as (
    select
        incidences.*,
        sum({{ as_double('activated') }} / at_risk * waited_before) over (
            partition by cohort_key order by day
        ) as activated_share
    from incidences
),

-- The terms of the variance of that share (Marubini and Valsecchi 1995, 10.12).
variance_terms as (
    select
        shares.*,
        case
            when activated + churned < at_risk
                then
                    {{ as_double('activated + churned') }}
                    / ({{ as_double('at_risk') }} * (at_risk - activated - churned))
            else 0
        end as ended,
        waited_before * waited_before * {{ as_double('activated') }} * (at_risk - activated)
        / ({{ as_double('at_risk') }} * at_risk * at_risk) as own,
        waited_before * {{ as_double('activated') }} / ({{ as_double('at_risk') }} * at_risk)
            as shared
    from shares
),

-- The square is multiplied out, so that one sum over the days serves each of them.
variances as (
    select
        variance_terms.*,
        activated_share * activated_share * sum(ended) over (partition by cohort_key order by day)
        - 2 * activated_share
        * sum(ended * activated_share + shared) over (partition by cohort_key order by day)
        + sum(
            ended * activated_share * activated_share + own + 2 * shared * activated_share
        ) over (partition by cohort_key order by day) as variance
    from variance_terms
),

estimated as (
    select
        variances.*,
        case
            when activated_share > 0 and activated_share < 0.99999999999
                then
                    {{ var('confidence_z') }}
                    * sqrt(case when variance > 0 then variance else 0 end)
                    / abs(activated_share * ln(activated_share))
        end as share_spread,
        case when is_exhausted = 1 then 0 else exp(log_survival) end as survival_estimate,
        {{ var('confidence_z') }} * sqrt(greenwood) / nullif(abs(log_survival), 0) as spread
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
        {{ round_half_up('activated_share', 10) }} as activated_share,
        case
            when activated_share = 0 then 0
            else {{ round_half_up('power(activated_share, exp(share_spread))', 10) }}
        end as activated_share_lower,
        case
            when activated_share = 0 then 0
            else {{ round_half_up('power(activated_share, exp(-share_spread))', 10) }}
        end as activated_share_upper,
        {{ round_half_up('waiting_share', 10) }} as waiting_share,
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
