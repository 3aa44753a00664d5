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
        sum(activated + censored) as accounts,
        sum(activated) as activated,
        sum(censored) as censored,
        max(day) as followed_days,
        min(survival) as lowest_survival,
        min(case when survival <= 0.75 then day end) as days_to_25_percent,
        min(case when survival <= 0.50 then day end) as median_days,
        min(case when survival <= 0.25 then day end) as days_to_75_percent,
        1 - coalesce(min(case when day <= 14 then survival end), 1)
            as activated_share_14d,
        1 - coalesce(min(case when day <= 30 then survival end), 1)
            as activated_share_30d,
        1 - coalesce(min(case when day <= 90 then survival end), 1)
            as activated_share_90d
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
        cast(censored as bigint) as censored,
        followed_days,
        days_to_25_percent,
        median_days,
        days_to_75_percent,
        case
            when followed_days >= 14 or lowest_survival = 0 then activated_share_14d
        end as activated_share_14d,
        case
            when followed_days >= 30 or lowest_survival = 0 then activated_share_30d
        end as activated_share_30d,
        case
            when followed_days >= 90 or lowest_survival = 0 then activated_share_90d
        end as activated_share_90d
    from curves
)

select * from cohorts
