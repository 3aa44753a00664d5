-- Coupons that recur with the price, of the subscription itself, else of its customer; a coupon for
-- one invoice is a one-off. One row per subscription and discount, for [holds_from, holds_until).
with

discounts as (
    select * from {{ source('stripe', 'discount') }}
),

coupons as (
    select * from {{ source('stripe', 'coupon') }}
),

subscriptions as (
    select * from {{ ref('subscriptions') }}
),

recurring_discounts as (
    select
        discounts.subscription_id,
        discounts.customer_id,
        upper(coupons.currency) as currency,
        try_cast(coupons.percent_off as double) / 100 as share_off,
        try_cast(coupons.amount_off as double) as units_off,
        {{ moment('discounts.start_at') }} as holds_from,
        {{ moment('discounts.end_at') }} as holds_until
    from discounts
    inner join coupons
        on discounts.coupon_id = coupons.id
    where coupons.duration <> 'once' and discounts.invoice_id is null
),

subscription_discounts as (
    select
        subscriptions.subscription_id,
        recurring_discounts.currency,
        recurring_discounts.share_off,
        recurring_discounts.units_off,
        recurring_discounts.holds_from,
        recurring_discounts.holds_until
    from subscriptions
    inner join recurring_discounts
        on
            subscriptions.subscription_id = recurring_discounts.subscription_id
            or (
                recurring_discounts.subscription_id is null
                and subscriptions.customer_id = recurring_discounts.customer_id
                and subscriptions.subscription_id not in (
                    select own.subscription_id from recurring_discounts as own
                    where own.subscription_id is not null
                )
            )
)

select * from subscription_discounts
