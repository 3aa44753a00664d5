-- Whether a feature is observed, which it is while each of its event types is. One row per product
-- category, feature and day that is over, with running counts, so that a difference of two rows
-- counts the observed days between them.
{%- set over_features = 'over (partition by product_category, feature order by date_day)' %}

with

offers as (
    select * from {{ ref('int_product_offers') }}
    where feature is not null
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'product'
),

bounds as (
    select
        min(accounts.started_on) as first_day,
        max(watermarks.complete_through) as last_day
    from accounts
    cross join watermarks
),

calendar as (
    select {{ each_day('first_day', 'last_day') }} as date_day
    from bounds{{ from_each_day('first_day', 'last_day') }}
),

features as (
    select
        product_category,
        feature,
        count(*) as event_types
    from offers
    group by product_category, feature
),

observed_features as (
    select
        offers.product_category,
        offers.feature,
        observed_days.date_day,
        count(*) as event_types
    from offers
    inner join observed_days
        on offers.event_type = observed_days.subject
    group by offers.product_category, offers.feature, observed_days.date_day
),

days as (
    select
        features.product_category,
        features.feature,
        calendar.date_day,
        coalesce(observed_features.event_types = features.event_types, false) as is_observed
    from features
    cross join calendar
    left join observed_features
        on
            features.product_category = observed_features.product_category
            and features.feature = observed_features.feature
            and calendar.date_day = observed_features.date_day
),

feature_days as (
    select
        product_category,
        feature,
        date_day,
        is_observed,
        sum(case when is_observed then 1 else 0 end) {{ over_features }} as observed_days,
        max(case when is_observed then date_day end) {{ over_features }} as last_observed_on,
        min(case when is_observed then date_day end) over (
            partition by product_category, feature order by date_day desc
        ) as next_observed_on
    from days
)

select * from feature_days
