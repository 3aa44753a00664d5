-- What an account had done by its landmark: a milestone reached by its deadline, a feature used or
-- a ticket of a topic written by the seed's day. One row per account and factor that could be seen,
-- of first onboardings.
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

observed_support_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'support' and subject = 'any'
),

ticket_topics as (
    select distinct topic from {{ ref('ticket_topics') }}
),

ticket_events as (
    select * from {{ ref('stg_support__ticket_events') }}
    where topic is not null
),

tickets as (
    select * from {{ ref('int_tickets') }}
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

-- A topic counts from the day on which it was told, which may be after the ticket was created.
first_tellings as (
    select
        tickets.account_id,
        ticket_events.topic,
        min({{ day_of('ticket_events.occurred_at') }}) as first_told_on
    from ticket_events
    inner join tickets
        on ticket_events.document = tickets.document
    group by tickets.account_id, ticket_events.topic
),

topic_factors as (
    select
        'topic' as factor_kind,
        ticket_topics.topic as factor,
        account_landmarks.account_id,
        account_landmarks.segment,
        account_landmarks.product_category,
        account_landmarks.landmark_on,
        coalesce(first_tellings.first_told_on <= account_landmarks.landmark_on, false)
            as has_factor
    from account_landmarks
    inner join observed_support_days
        on
            account_landmarks.landmark_on = observed_support_days.date_day
            and account_landmarks.started_on >= observed_support_days.observed_since
    cross join ticket_topics
    left join first_tellings
        on
            account_landmarks.account_id = first_tellings.account_id
            and ticket_topics.topic = first_tellings.topic
),

factors as (
    select * from milestone_factors
    union all
    select * from feature_factors
    union all
    select * from topic_factors
)

select * from factors
