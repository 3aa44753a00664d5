-- Onboardings of published accounts, numbered. The first starts with the account. A later
-- onboarding_started begins another one for a new product category or after a loss.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

starts as (
    select * from {{ ref('stg_crm__onboardings') }}
),

billing_signals as (
    select * from {{ ref('int_billing_signals') }}
),

journeys as (
    select * from {{ ref('journeys') }}
),

categories as (
    select distinct product_category from journeys
),

named_starts as (
    select
        starts.account_id,
        starts.occurred_at as started_at,
        {{ day_of('starts.occurred_at') }} as started_on,
        categories.product_category as named_category,
        row_number() over (
            partition by starts.account_id, categories.product_category
            order by starts.occurred_at, starts.event_id
        ) as mention,
        row_number() over (
            partition by starts.account_id order by starts.occurred_at, starts.event_id
        ) as start_number,
        lag({{ day_of('starts.occurred_at') }}) over (
            partition by starts.account_id order by starts.occurred_at, starts.event_id
        ) as started_before_on
    from starts
    left join categories
        on starts.product_category = categories.product_category
),

later_starts as (
    select
        named_starts.account_id,
        named_starts.start_number,
        named_starts.started_at,
        named_starts.started_on,
        coalesce(named_starts.named_category, accounts.product_category) as product_category,
        coalesce(named_starts.named_category <> accounts.product_category, false)
        and named_starts.mention = 1 as is_new_category,
        greatest(
            coalesce(named_starts.started_before_on, accounts.started_on), accounts.started_on
        ) as started_before_on
    from named_starts
    inner join accounts
        on
            named_starts.account_id = accounts.account_id
            and named_starts.started_at > accounts.started_at
            and named_starts.started_on <= accounts.ended_on
),

-- lag finds the days on which the account stops being subscribed.
subscribed_days as (
    select
        account_id,
        date_day,
        is_subscribed,
        lag(is_subscribed) over (partition by account_id order by date_day) as was_subscribed
    from billing_signals
    where account_id in (select later_starts.account_id from later_starts)
),

losses as (
    select
        account_id,
        date_day as lost_on
    from subscribed_days
    where is_subscribed = 0 and was_subscribed = 1
),

-- Another onboarding_started only repeats the running onboarding, unless it names a new product
-- category or the account was lost since the start before.
restarts as (
    select
        later_starts.account_id,
        later_starts.start_number,
        later_starts.started_at,
        later_starts.started_on,
        later_starts.product_category,
        max(losses.lost_on) as lost_on
    from later_starts
    left join losses
        on
            later_starts.account_id = losses.account_id
            and later_starts.started_before_on < losses.lost_on
            and later_starts.started_on >= losses.lost_on
    group by
        later_starts.account_id,
        later_starts.start_number,
        later_starts.started_at,
        later_starts.started_on,
        later_starts.product_category,
        later_starts.is_new_category
    having later_starts.is_new_category or max(losses.lost_on) is not null
),

all_starts as (
    select
        account_id,
        0 as start_number,
        started_at,
        started_on,
        product_category,
        cast(null as date) as lost_on
    from accounts
    union all
    select
        account_id,
        start_number,
        started_at,
        started_on,
        product_category,
        lost_on
    from restarts
),

-- An onboarding that is followed by another of the same product ended when the account was lost.
numbered_starts as (
    select
        account_id,
        cast(
            row_number() over (partition by account_id order by start_number) as integer
        ) as onboarding_number,
        started_at,
        started_on,
        product_category,
        lead(lost_on) over (
            partition by account_id, product_category order by start_number
        ) as lost_on
    from all_starts
),

onboardings as (
    select
        numbered_starts.account_id,
        numbered_starts.onboarding_number,
        accounts.segment,
        numbered_starts.product_category,
        coalesce(segment_journeys.journey, category_journeys.journey) as journey,
        numbered_starts.started_at,
        numbered_starts.started_on,
        coalesce(numbered_starts.lost_on, accounts.churned_on) as churned_on,
        coalesce(numbered_starts.lost_on, accounts.ended_on) as ended_on
    from numbered_starts
    inner join accounts
        on numbered_starts.account_id = accounts.account_id
    left join journeys as segment_journeys
        on
            numbered_starts.product_category = segment_journeys.product_category
            and accounts.segment = segment_journeys.segment
    left join journeys as category_journeys
        on
            numbered_starts.product_category = category_journeys.product_category
            and category_journeys.segment = 'any'
)

select * from onboardings
