-- What an account had done by its landmark: a milestone reached by its deadline, a feature used by
-- the seed's day. One row per account and factor that could be seen, of first onboardings.
with

predictor_settings as (
    select * from {{ ref('predictor_settings') }}
),

steps as (
    select * from {{ ref('int_onboarding_steps') }}
    where onboarding_number = 1
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
    where onboarding_number = 1
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
    where feature is not null
),

product_offers as (
    select * from {{ ref('int_product_offers') }}
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'product'
),

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

milestone_factors as (
    select
        'milestone' as factor_kind,
        milestone_id as factor,
        account_id,
        segment,
        product_category,
        due_on as landmark_on,
        coalesce(reached_on <= due_on, false) as has_factor
    from steps
    where
        is_followed
        and due_on <= seen_until
        and coalesce(waived_on > due_on, true)
),

offered_features as (
    select
        product_offers.product_category,
        product_offers.event_type,
        tracking_plan.feature,
        count(*) over (
            partition by product_offers.product_category, tracking_plan.feature
        ) as event_types
    from product_offers
    inner join tracking_plan
        on product_offers.event_type = tracking_plan.event_type
),

account_landmarks as (
    select
        onboardings.account_id,
        onboardings.segment,
        onboardings.product_category,
        onboardings.started_on,
        {{ add_days('onboardings.started_on', 'predictor_settings.landmark_days') }}
            as landmark_on
    from onboardings
    cross join predictor_settings
),

-- A feature counts where each of its event types was observed from the start to the landmark.
feature_landmarks as (
    select
        account_landmarks.account_id,
        account_landmarks.segment,
        account_landmarks.product_category,
        account_landmarks.started_on,
        account_landmarks.landmark_on,
        offered_features.feature
    from account_landmarks
    inner join offered_features
        on account_landmarks.product_category = offered_features.product_category
    inner join observed_days
        on
            offered_features.event_type = observed_days.subject
            and account_landmarks.landmark_on = observed_days.date_day
            and account_landmarks.started_on >= observed_days.observed_since
    group by
        account_landmarks.account_id,
        account_landmarks.segment,
        account_landmarks.product_category,
        account_landmarks.started_on,
        account_landmarks.landmark_on,
        offered_features.feature,
        offered_features.event_types
    having count(*) = offered_features.event_types
),

first_uses as (
    select
        event_type_days.account_id,
        tracking_plan.feature,
        min(event_type_days.date_day) as first_used_on
    from event_type_days
    inner join tracking_plan
        on event_type_days.event_type = tracking_plan.event_type
    group by event_type_days.account_id, tracking_plan.feature
),

feature_factors as (
    select
        'feature' as factor_kind,
        feature_landmarks.feature as factor,
        feature_landmarks.account_id,
        feature_landmarks.segment,
        feature_landmarks.product_category,
        feature_landmarks.landmark_on,
        coalesce(first_uses.first_used_on <= feature_landmarks.landmark_on, false) as has_factor
    from feature_landmarks
    left join first_uses
        on
            feature_landmarks.account_id = first_uses.account_id
            and feature_landmarks.feature = first_uses.feature
),

factors as (
    select * from milestone_factors
    union all
    select * from feature_factors
)

select * from factors
