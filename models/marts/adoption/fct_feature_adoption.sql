{%- set text = dbt.type_string() %}

-- Who uses which feature, how widely and deeply, on the account's last day that is over. Adoption
-- is repeated use, as in depth_score_30d. One row per account and feature on offer to its category.
with

lives as (
    select * from {{ ref('int_usage_lives') }}
),

adoption_settings as (
    select * from {{ ref('adoption_settings') }}
),

offers as (
    select * from {{ ref('int_product_offers') }}
    where feature is not null
),

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

user_event_types as (
    select * from {{ ref('int_user_event_types') }}
),

usage_signals as (
    select * from {{ ref('int_usage_signals') }}
),

feature_days as (
    select * from {{ ref('int_feature_days') }}
),

features as (
    select
        product_category,
        feature,
        min(module) as module,
        max(deep_use_days) as deep_use_days,
        max(case when is_active then 1 else 0 end) = 1 as is_used_by_people
    from offers
    group by product_category, feature
),

account_features as (
    select
        lives.account_id,
        lives.product_category,
        lives.started_on,
        lives.last_day,
        {{ add_days('lives.last_day', -29) }} as window_from,
        features.feature,
        features.module,
        features.deep_use_days,
        features.is_used_by_people
    from lives
    inner join features
        on lives.product_category = features.product_category
),

use_days as (
    select distinct
        account_features.account_id,
        account_features.feature,
        account_features.deep_use_days,
        account_features.window_from,
        event_type_days.date_day
    from event_type_days
    inner join account_features
        on event_type_days.account_id = account_features.account_id
    inner join offers
        on
            account_features.product_category = offers.product_category
            and account_features.feature = offers.feature
            and event_type_days.event_type = offers.event_type
    where event_type_days.date_day <= account_features.last_day
),

numbered_use_days as (
    select
        use_days.*,
        row_number() over (partition by account_id, feature order by date_day) as day_number
    from use_days
),

uses as (
    select
        account_id,
        feature,
        min(date_day) as first_used_on,
        max(date_day) as last_used_on,
        count(*) as days_used,
        count(case when date_day >= window_from then 1 end) as days_used_30d
    from use_days
    group by account_id, feature
),

-- Self-join on day_number: the day deep_use_days - 1 rows back begins the narrowest window that
-- holds so many days. A feature without deep_use_days is adopted by its first use.
adoptions as (
    select
        last_days.account_id,
        last_days.feature,
        min(last_days.date_day) as adopted_on
    from numbered_use_days as last_days
    inner join numbered_use_days as first_days
        on
            last_days.account_id = first_days.account_id
            and last_days.feature = first_days.feature
            and last_days.day_number - coalesce(last_days.deep_use_days, 1) + 1
            = first_days.day_number
    where {{ days_between('first_days.date_day', 'last_days.date_day') }} < 30
    group by last_days.account_id, last_days.feature
),

people as (
    select
        account_features.account_id,
        account_features.feature,
        count(distinct user_event_types.user_id) as people_30d
    from user_event_types
    inner join account_features
        on
            user_event_types.account_id = account_features.account_id
            and user_event_types.last_used_on >= account_features.window_from
    inner join offers
        on
            account_features.product_category = offers.product_category
            and account_features.feature = offers.feature
            and user_event_types.event_type = offers.event_type
            and offers.is_active
    group by account_features.account_id, account_features.feature
),

features_with_coverage as (
    select
        account_features.account_id,
        account_features.feature,
        account_features.module,
        account_features.product_category,
        account_features.deep_use_days,
        account_features.started_on,
        account_features.last_day,
        uses.first_used_on,
        uses.last_used_on,
        adoptions.adopted_on,
        coalesce(last_days.is_observed, false) as is_observed,
        {{ days_between('account_features.started_on', 'account_features.last_day') }} + 1
            as life_days,
        last_days.observed_days - first_days.observed_days
        + case when first_days.is_observed then 1 else 0 end as observed_days,
        case
            when first_days.next_observed_on <= account_features.last_day
                then first_days.next_observed_on
        end as observed_from,
        case
            when last_days.last_observed_on >= account_features.started_on
                then last_days.last_observed_on
        end as observed_until,
        last_days.observed_days - last_use_days.observed_days as unused_days,
        coalesce(uses.days_used, 0) as days_used,
        coalesce(uses.days_used_30d, 0) as days_used_30d,
        case
            when account_features.is_used_by_people and usage_signals.active_users_30d is not null
                then coalesce(people.people_30d, 0)
        end as people_30d,
        usage_signals.active_users_30d
    from account_features
    left join feature_days as first_days
        on
            account_features.product_category = first_days.product_category
            and account_features.feature = first_days.feature
            and account_features.started_on = first_days.date_day
    left join feature_days as last_days
        on
            account_features.product_category = last_days.product_category
            and account_features.feature = last_days.feature
            and case
                when account_features.last_day >= account_features.started_on
                    then account_features.last_day
            end = last_days.date_day
    left join uses
        on
            account_features.account_id = uses.account_id
            and account_features.feature = uses.feature
    left join adoptions
        on
            account_features.account_id = adoptions.account_id
            and account_features.feature = adoptions.feature
    left join people
        on
            account_features.account_id = people.account_id
            and account_features.feature = people.feature
    left join feature_days as last_use_days
        on
            account_features.product_category = last_use_days.product_category
            and account_features.feature = last_use_days.feature
            and uses.last_used_on = last_use_days.date_day
    left join usage_signals
        on
            account_features.account_id = usage_signals.account_id
            and account_features.last_day = usage_signals.date_day
),

features_with_state as (
    select
        features_with_coverage.*,
        case
            when not features_with_coverage.is_observed then 'not_observed'
            when features_with_coverage.first_used_on is null then 'not_used'
            when features_with_coverage.adopted_on is null then 'tried'
            when
                features_with_coverage.deep_use_days is not null
                and features_with_coverage.unused_days >= adoption_settings.stagnant_after_days
                then 'stagnant'
            else 'adopted'
        end as state
    from features_with_coverage
    cross join adoption_settings
),

feature_adoption as (
    select
        account_id,
        feature,
        module,
        product_category,
        started_on,
        last_day,
        observed_from,
        observed_until,
        cast(observed_days as bigint) as observed_days,
        cast(case when life_days > 0 then life_days - coalesce(observed_days, 0) end as bigint)
            as unobserved_days,
        first_used_on,
        adopted_on,
        last_used_on,
        cast(case when observed_days > 0 then days_used end as bigint) as days_used,
        cast(case when is_observed then days_used_30d end as bigint) as days_used_30d,
        deep_use_days,
        case
            when is_observed and deep_use_days is not null then days_used_30d >= deep_use_days
        end as is_used_in_depth_30d,
        cast(case when is_observed then people_30d end as bigint) as people_30d,
        cast(case when is_observed then active_users_30d end as bigint) as active_people_30d,
        case when is_observed then {{ ratio('people_30d', 'active_users_30d') }} end
            as people_share_30d,
        cast(case when is_observed then unused_days end as bigint) as unused_days,
        case
            when is_observed and adopted_on is not null and deep_use_days is not null
                then state = 'stagnant'
        end as is_stagnant,
        state,
        case state
            when 'not_observed' then 'not observed on its last day'
            when 'not_used'
                then
                    'not used on the ' || cast(observed_days as {{ text }})
                    || ' days that were observed'
            when 'tried'
                then
                    'used on ' || cast(days_used as {{ text }})
                    || ' days, adopted with ' || cast(deep_use_days as {{ text }})
                    || ' within 30'
            when 'stagnant'
                then
                    'adopted on ' || cast(adopted_on as {{ text }})
                    || ', not used on the last ' || cast(unused_days as {{ text }})
                    || ' days that were observed'
            else
                'adopted on ' || cast(adopted_on as {{ text }})
                || ', used on ' || cast(days_used_30d as {{ text }})
                || ' of the last 30 days'
        end as state_in_words
    from features_with_state
)

select * from feature_adoption
