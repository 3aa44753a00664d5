-- The terms of each paid subscription at each moment at which they can change: its start, an item,
-- a coupon, a pause, a cancellation that is taken back. One row per subscription and moment.
with

subscriptions as (
    select * from {{ ref('subscriptions') }}
),

versions as (
    select * from {{ ref('subscription_versions') }}
),

items as (
    select * from {{ ref('subscription_items') }}
),

discounts as (
    select * from {{ ref('subscription_discounts') }}
),

-- An overwritten row tells of a pause since it was read; of a history's first version the same
-- holds.
pauses as (
    select
        subscription_id,
        known_from as paused_from,
        known_until as paused_until
    from versions
    where is_paused
),

restored_versions as (
    select
        subscription_id,
        known_from,
        ends_on is null
        and lag(ends_on) over (
            partition by subscription_id order by version_number
        ) is not null as is_restored
    from versions
),

candidate_moments as (
    select
        subscription_id,
        paid_from as happens_at
    from subscriptions
    union all
    select
        subscription_id,
        unnest([holds_from, holds_until]) as happens_at
    from items
    union all
    select
        subscription_id,
        unnest([holds_from, holds_until]) as happens_at
    from discounts
    union all
    select
        subscription_id,
        unnest([paused_from, paused_until]) as happens_at
    from pauses
    union all
    select
        subscription_id,
        known_from as happens_at
    from restored_versions
    where is_restored
),

moments as (
    select
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.paid_from,
        candidate_moments.happens_at,
        bool_or(coalesce(restored_versions.is_restored, false)) as is_restored
    from subscriptions
    inner join candidate_moments
        on subscriptions.subscription_id = candidate_moments.subscription_id
    left join restored_versions
        on
            candidate_moments.subscription_id = restored_versions.subscription_id
            and candidate_moments.happens_at = restored_versions.known_from
    where
        candidate_moments.happens_at >= subscriptions.paid_from
        and coalesce(candidate_moments.happens_at < subscriptions.ended_at, true)
        and coalesce(candidate_moments.happens_at <= subscriptions.read_at, true)
    group by all
),

priced_moments as (
    select
        moments.subscription_id,
        moments.customer_id,
        moments.paid_from,
        moments.happens_at,
        moments.is_restored,
        string_agg(distinct items.plan, ' + ' order by items.plan) as plan,
        sum(items.seats) as seats,
        min(items.currency) as currency,
        min(items.units) as units,
        max(items.months) as months,
        case
            when count(items.monthly_amount) = count(items.item_id) then sum(items.monthly_amount)
        end as list_price
    from moments
    left join items
        on
            moments.subscription_id = items.subscription_id
            and coalesce(items.holds_from <= moments.happens_at, true)
            and coalesce(moments.happens_at < items.holds_until, true)
    group by all
),

moment_discounts as (
    select
        priced_moments.subscription_id,
        priced_moments.happens_at,
        product(1 - coalesce(discounts.share_off, 0)) as share_left,
        sum(coalesce(discounts.units_off, 0)) / any_value(priced_moments.units)
        / any_value(priced_moments.months) as amount_off
    from priced_moments
    inner join discounts
        on
            priced_moments.subscription_id = discounts.subscription_id
            and coalesce(discounts.holds_from <= priced_moments.happens_at, true)
            and coalesce(priced_moments.happens_at < discounts.holds_until, true)
            and coalesce(discounts.currency = priced_moments.currency, true)
    group by priced_moments.subscription_id, priced_moments.happens_at
),

paused_moments as (
    select distinct
        priced_moments.subscription_id,
        priced_moments.happens_at
    from priced_moments
    inner join pauses
        on
            priced_moments.subscription_id = pauses.subscription_id
            and pauses.paused_from <= priced_moments.happens_at
            and coalesce(priced_moments.happens_at < pauses.paused_until, true)
),

subscription_terms as (
    select
        priced_moments.subscription_id,
        priced_moments.customer_id,
        priced_moments.happens_at,
        priced_moments.happens_at = priced_moments.paid_from as is_start,
        priced_moments.is_restored,
        priced_moments.plan,
        priced_moments.seats,
        priced_moments.currency,
        case
            when paused_moments.subscription_id is not null then 0
            when priced_moments.list_price is not null then cast(
                greatest(
                    priced_moments.list_price * coalesce(moment_discounts.share_left, 1)
                    - coalesce(moment_discounts.amount_off, 0),
                    0
                ) as decimal(18, 6)
            )
        end as mrr
    from priced_moments
    left join moment_discounts
        on
            priced_moments.subscription_id = moment_discounts.subscription_id
            and priced_moments.happens_at = moment_discounts.happens_at
    left join paused_moments
        on
            priced_moments.subscription_id = paused_moments.subscription_id
            and priced_moments.happens_at = paused_moments.happens_at
)

select * from subscription_terms
