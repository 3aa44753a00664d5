-- Published accounts with attributes, start, churn, segment and journey. One row per account that
-- has a start and no exclusion.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

attributes as (
    select * from {{ ref('int_account_attributes') }}
),

exclusions as (
    select * from {{ ref('int_account_exclusions') }}
),

accounts as (
    select * from {{ ref('stg_crm__accounts') }}
),

onboardings as (
    select * from {{ ref('stg_crm__onboardings') }}
),

trials as (
    select * from {{ ref('stg_billing__trials') }}
),

subscriptions as (
    select * from {{ ref('stg_billing__subscriptions') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

onboarding_starts as (
    select * from {{ ref('onboarding_starts') }}
),

journeys as (
    select * from {{ ref('journeys') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

starts as (
    select account_id, 'onboarding_started' as event_type, occurred_at from onboardings
    union all
    select account_id, 'trial_started' as event_type, occurred_at from trials
    union all
    select account_id, event_type, occurred_at from subscriptions
    union all
    select account_id, event_type, occurred_at from accounts
),

-- The start is the first event of the kind that onboarding_starts prefers most.
preferred_starts as (
    select
        starts.account_id,
        starts.occurred_at as started_at,
        row_number() over (
            partition by starts.account_id
            order by onboarding_starts.preference, starts.occurred_at
        ) as preference_rank
    from starts
    inner join onboarding_starts
        on starts.event_type = onboarding_starts.event_type
),

-- The first terms that hold a day decide the segment, also if they begin in the future.
periods_with_first as (
    select
        subscription_periods.*,
        min(
            case
                when
                    coalesce(subscription_periods.ends_on > subscription_periods.starts_on, true)
                    then subscription_periods.starts_on
            end
        ) over (partition by subscription_periods.account_id) as first_subscribed_on
    from subscription_periods
),

begun_periods as (
    select subscription_periods.*
    from subscription_periods
    cross join build_moment
    where subscription_periods.starts_on <= build_moment.as_of
),

first_contracts as (
    select
        account_id,
        sum(seats) as seats,
        sum(arr) as arr
    from periods_with_first
    where starts_on = first_subscribed_on and coalesce(ends_on > starts_on, true)
    group by account_id
),

-- An account has churned if no terms hold on the as-of day. Terms hold on the half-open interval
-- [starts_on, ends_on).
subscription_ends as (
    select
        begun_periods.account_id,
        case
            when
                max(
                    case
                        when coalesce(begun_periods.ends_on > build_moment.as_of, true) then 1
                        else 0
                    end
                ) = 0
                then max(begun_periods.ends_on)
        end as churned_on
    from begun_periods
    cross join build_moment
    group by begun_periods.account_id
),

account_segments as (
    select
        first_contracts.account_id,
        size_classes.segment,
        row_number() over (
            partition by first_contracts.account_id
            order by
                size_classes.min_arr desc,
                size_classes.min_seats desc,
                size_classes.segment asc
        ) as preference_rank
    from first_contracts
    inner join size_classes
        on
            (size_classes.min_seats = 0 and size_classes.min_arr = 0)
            or (size_classes.min_seats > 0 and first_contracts.seats >= size_classes.min_seats)
            or (size_classes.min_arr > 0 and first_contracts.arr >= size_classes.min_arr)
),

categories as (
    select distinct product_category from journeys
),

account_details as (
    select
        attributes.account_id,
        attributes.account_name,
        attributes.industry,
        attributes.country,
        coalesce(
            categories.product_category, '{{ var("default_product_category") }}'
        ) as product_category,
        coalesce(account_segments.segment, zero_class.segment) as segment,
        attributes.plan,
        attributes.owner_id,
        attributes.timezone,
        attributes.employees,
        preferred_starts.started_at,
        {{ day_of('preferred_starts.started_at') }} as started_on,
        subscription_ends.churned_on,
        greatest(
            coalesce(subscription_ends.churned_on, build_moment.as_of),
            {{ day_of('preferred_starts.started_at') }}
        ) as ended_on
    from attributes
    cross join build_moment
    inner join preferred_starts
        on
            attributes.account_id = preferred_starts.account_id
            and preferred_starts.preference_rank = 1
    inner join size_classes as zero_class
        on zero_class.min_seats = 0 and zero_class.min_arr = 0
    left join account_segments
        on
            attributes.account_id = account_segments.account_id
            and account_segments.preference_rank = 1
    left join subscription_ends
        on attributes.account_id = subscription_ends.account_id
    left join categories
        on attributes.product_category = categories.product_category
    where attributes.account_id not in (select exclusions.account_id from exclusions)
),

accounts_with_journey as (
    select
        account_details.*,
        coalesce(segment_journeys.journey, category_journeys.journey) as journey
    from account_details
    left join journeys as segment_journeys
        on
            account_details.product_category = segment_journeys.product_category
            and account_details.segment = segment_journeys.segment
    left join journeys as category_journeys
        on
            account_details.product_category = category_journeys.product_category
            and category_journeys.segment = 'any'
)

select * from accounts_with_journey
