with

survival as (
    select * from {{ ref('ttv_survival') }}
),

curves as (
    select
        cohort_key,
        cohort_period,
        cohort_start,
        persona,
        segment,
        product_category,
        max(at_risk) as accounts,
        sum(activated) as activated,
        sum(censored) as censored,
        max(day) as followed_days,
        min(survival) as lowest_survival,
        min(case when survival <= 0.75 then day end) as days_to_25_percent,
        min(case when survival <= 0.50 then day end) as median_days,
        min(case when survival <= 0.25 then day end) as days_to_75_percent,
        {% for horizon in [14, 30, 90] -%}
        1 - coalesce(min(case when day <= {{ horizon }} then survival end), 1)
            as activated_share_{{ horizon }}d{{ ',' if not loop.last }}
        {% endfor %}
    from survival
    group by cohort_key, cohort_period, cohort_start, persona, segment, product_category
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
        cast(activated as bigint) as activated,
        cast(censored as bigint) as censored,
        followed_days,
        days_to_25_percent,
        median_days,
        days_to_75_percent,
        {% for horizon in [14, 30, 90] -%}
        case
            when followed_days >= {{ horizon }} or lowest_survival = 0
                then activated_share_{{ horizon }}d
        end as activated_share_{{ horizon }}d{{ ',' if not loop.last }}
        {% endfor %}
    from curves
)

select * from cohorts
