{%- set horizons = [14, 30, 90] %}

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
        sum(activated + churned + censored) as accounts,
        sum(activated) as activated,
        sum(churned) as churned,
        sum(censored) as censored,
        max(day) as followed_days,
        min(survival) as lowest_survival,
        min(case when survival <= 0.75 then day end) as days_to_25_percent,
        min(case when survival <= 0.50 then day end) as median_days,
        min(case when survival <= 0.25 then day end) as days_to_75_percent,
        {%- for days in horizons %}
        cast(
            coalesce(max(case when day <= {{ days }} then activated_share end), 0)
            as decimal(18, 10)
        ) as activated_share_{{ days }}d,
        cast(
            1 - coalesce(min(case when day <= {{ days }} then survival end), 1)
            as decimal(18, 10)
        ) as activated_share_if_all_stayed_{{ days }}d,
        {%- endfor %}
        min(waiting_share) as lowest_waiting_share
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
        cast(accounts as bigint) as accounts,
        cast(activated as bigint) as activated,
        cast(churned as bigint) as churned,
        cast(censored as bigint) as censored,
        {%- for days in horizons %}
        case
            when followed_days >= {{ days }} or lowest_waiting_share = 0
                then activated_share_{{ days }}d
        end as activated_share_{{ days }}d,
        case
            when followed_days >= {{ days }} or lowest_survival = 0
                then activated_share_if_all_stayed_{{ days }}d
        end as activated_share_if_all_stayed_{{ days }}d,
        {%- endfor %}
        followed_days,
        days_to_25_percent,
        median_days,
        days_to_75_percent
    from curves
)

select * from cohorts
