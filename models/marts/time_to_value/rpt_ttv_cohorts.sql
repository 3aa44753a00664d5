{%- set horizons = [14, 30, 90] %}
{%- set quartiles = {'days_to_25_percent': 0.75, 'median_days': 0.50, 'days_to_75_percent': 0.25} %}

-- Quartiles of the time to value and shares activated by day 14, 30 and 90, read off the curves of
-- rpt_ttv_survival: Kaplan-Meier (as if nobody churned) and cumulative incidence. One row per
-- cohort.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

-- `known` counts the accounts at risk on a day and those that activated or churned before it, by
-- running sums; `known_if_all_stayed` leaves out those that churned.
survival as (
    select
        rpt_ttv_survival.*,
        at_risk + sum(activated + churned) over (partition by cohort_key order by day)
        - activated - churned as known,
        at_risk + sum(activated) over (partition by cohort_key order by day) - activated
            as known_if_all_stayed,
        {%- for days in horizons %}
        max(case when day <= {{ days }} then day end) over (partition by cohort_key)
            as last_day_{{ days }},
        min(case when day >= {{ days }} then day end) over (partition by cohort_key)
            as next_day_{{ days }},
        {%- endfor %}
        {%- for column, level in quartiles.items() %}
        min(case when survival <= {{ level }} then day end) over (partition by cohort_key)
            as {{ column }},
        {%- endfor %}
        max(day) over (partition by cohort_key) as followed_days
    from {{ ref('rpt_ttv_survival') }} as rpt_ttv_survival
),

curves as (
    select
        cohort_key,
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        followed_days,
        cast(sum(activated + churned + censored) as bigint) as accounts,
        cast(sum(activated) as bigint) as activated,
        cast(sum(churned) as bigint) as churned,
        cast(sum(censored) as bigint) as censored,
        min(survival) as lowest_survival,
        min(waiting_share) as lowest_waiting_share,
        {%- for column in quartiles %}
        max({{ column }}) as {{ column }},
        max(case when day = {{ column }} then known_if_all_stayed end) as known_{{ column }},
        {%- endfor %}
        -- Brookmeyer-Crowley: the days whose interval of survival holds 0.5 bound the median.
        min(case when survival_lower <= 0.5 or survival = 0 then day end) as median_days_lower,
        min(case when survival_upper <= 0.5 or survival = 0 then day end) as median_days_upper,
        {%- for days in horizons %}
        max(
            case
                when day = next_day_{{ days }} then known
                when next_day_{{ days }} is null and day = followed_days then known - censored
            end
        ) as at_risk_{{ days }}d,
        max(
            case
                when day = next_day_{{ days }} then known_if_all_stayed
                when next_day_{{ days }} is null and day = followed_days
                    then known_if_all_stayed - churned - censored
            end
        ) as at_risk_if_all_stayed_{{ days }}d,
        {%- for bound in ['', '_lower', '_upper'] %}
        case
            when min(day) > {{ days }} then 0
            else max(case when day = last_day_{{ days }} then activated_share{{ bound }} end)
        end as activated_share_{{ days }}d{{ bound }},
        {%- endfor %}
        {%- for bound, own in [('', 'survival'), ('_lower', 'survival_upper'),
            ('_upper', 'survival_lower')] %}
        1 - case
            when min(day) > {{ days }} then 1
            else max(case when day = last_day_{{ days }} then {{ own }} end)
        end as activated_share_if_all_stayed_{{ days }}d{{ bound }},
        {%- endfor %}
        {%- endfor %}
        count(*) as curve_days
    from survival
    group by
        cohort_key, cohort_period, cohort_start, persona, segment, product_category,
        followed_days
),

curves_with_settings as (
    select
        curves.*,
        milestone_settings.min_at_risk
    from curves
    cross join milestone_settings
),

cohorts_with_gaps as (
    select
        curves_with_settings.*,
        {%- for days in horizons %}
        case
            when followed_days < {{ days }} and lowest_waiting_share > 0
                then 'not followed so long'
            when at_risk_{{ days }}d < min_at_risk then 'too few at risk'
        end as missing_{{ days }}d,
        case
            when followed_days < {{ days }} and lowest_survival > 0 then 'not followed so long'
            when at_risk_if_all_stayed_{{ days }}d < min_at_risk then 'too few at risk'
        end as missing_if_all_stayed_{{ days }}d,
        {%- endfor %}
        case
            when median_days is null then 'not reached so far'
            when known_median_days < min_at_risk then 'too few at risk'
        end as missing_median
    from curves_with_settings
),

cohorts as (
    select
        cohort_key,
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        accounts,
        activated,
        churned,
        censored,
        {%- for days in horizons %}
        cast(at_risk_{{ days }}d as bigint) as at_risk_{{ days }}d,
        cast(at_risk_if_all_stayed_{{ days }}d as bigint) as at_risk_if_all_stayed_{{ days }}d,
        {%- for bound in ['', '_lower', '_upper'] %}
        case
            when missing_{{ days }}d is null
                then cast(activated_share_{{ days }}d{{ bound }} as decimal(18, 10))
        end as activated_share_{{ days }}d{{ bound }},
        case
            when missing_if_all_stayed_{{ days }}d is null
                then
                    cast(
                        activated_share_if_all_stayed_{{ days }}d{{ bound }} as decimal(18, 10)
                    )
        end as activated_share_if_all_stayed_{{ days }}d{{ bound }},
        {%- endfor %}
        {%- endfor %}
        followed_days,
        case when known_days_to_25_percent >= min_at_risk then days_to_25_percent end
            as days_to_25_percent,
        cast(known_median_days as bigint) as at_risk_median,
        case when missing_median is null then median_days end as median_days,
        case when missing_median is null then median_days_lower end as median_days_lower,
        case when missing_median is null then median_days_upper end as median_days_upper,
        case when known_days_to_75_percent >= min_at_risk then days_to_75_percent end
            as days_to_75_percent,
        nullif(substring(
            {%- for days in horizons %}
            coalesce('; by day {{ days }} ' || missing_{{ days }}d, '')
            || coalesce(
                '; by day {{ days }} if all had stayed ' || missing_if_all_stayed_{{ days }}d, ''
            )
            || {% endfor %}coalesce('; median ' || missing_median, ''), 3
        ), '') as missing_because
    from cohorts_with_gaps
)

select * from cohorts
