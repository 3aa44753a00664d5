-- What each version of an item comes to in a month; metered and one-off prices come to nothing, a
-- price that is not known, or that has tiers, to null. One row per item version, for [holds_from,
-- holds_until).
with

items as (
    select * from {{ source('stripe', 'subscription_item') }}
),

prices as (
    select
        id,
        currency,
        coalesce(unit_amount_decimal, unit_amount) as unit_amount,
        coalesce(nickname, product_id, id) as plan,
        recurring_interval as price_interval,
        recurring_interval_count as interval_count,
        type = 'one_time' or recurring_usage_type = 'metered' as is_not_recurring,
        transform_quantity_divide_by as divide_by,
        transform_quantity_round as rounding
    from {{ source('stripe', 'price') }}
    union all
    select
        id,
        currency,
        amount as unit_amount,
        coalesce(nickname, product_id, id) as plan,
        "interval" as price_interval,
        interval_count,
        usage_type = 'metered' as is_not_recurring,
        transform_usage_divide_by as divide_by,
        transform_usage_round as rounding
    from {{ source('stripe', 'plan') }}
    where
        id not in (
            select price.id from {{ source('stripe', 'price') }} as price
            where price.id is not null
        )
),

currency_units as (
    select * from {{ ref('currency_units') }}
),

price_intervals as (
    select * from {{ ref('price_intervals') }}
),

item_versions as (
    select
        id as item_id,
        subscription_id,
        plan_id,
        coalesce(try_cast(quantity as integer), 1) as quantity,
        {{ moment('created') }} as created_at,
        {{ moment('_fivetran_start') }} as version_starts_at,
        {{ moment('_fivetran_end') }} as version_ends_at,
        case when {{ is_true('_fivetran_deleted') }} then {{ moment('_fivetran_synced') }} end
            as deleted_at,
        row_number() over (
            partition by id order by {{ moment('_fivetran_start') }}
        ) as version_number
    from items
),

-- The items that a subscription was made with hold from its start, whenever they were first read.
dated_items as (
    select
        item_versions.*,
        case
            when version_number > 1 then version_starts_at
            when
                created_at > min(created_at) over (partition by subscription_id)
                then created_at
        end as holds_from,
        least(
            deleted_at,
            case
                when extract(year from version_ends_at) < 9999
                    then version_ends_at + interval 1 millisecond
            end
        ) as holds_until
    from item_versions
),

subscription_items as (
    select
        dated_items.item_id,
        dated_items.subscription_id,
        dated_items.holds_from,
        dated_items.holds_until,
        prices.plan,
        upper(prices.currency) as currency,
        coalesce(currency_units.units, 100) as units,
        coalesce(prices.is_not_recurring, false) as is_not_recurring,
        case when not coalesce(prices.is_not_recurring, false) then dated_items.quantity end
            as seats,
        12.0 / price_intervals.times_a_year
        * coalesce(try_cast(prices.interval_count as integer), 1) as months,
        case
            when prices.is_not_recurring then 0
            else
                try_cast(prices.unit_amount as double)
                / coalesce(currency_units.units, 100)
                * case
                    when try_cast(prices.divide_by as integer) is null then dated_items.quantity
                    when
                        prices.rounding = 'down'
                        then floor(dated_items.quantity / try_cast(prices.divide_by as integer))
                    else ceil(dated_items.quantity / try_cast(prices.divide_by as integer))
                end
                / (
                    12.0 / price_intervals.times_a_year
                    * coalesce(try_cast(prices.interval_count as integer), 1)
                )
        end as monthly_amount
    from dated_items
    left join prices
        on dated_items.plan_id = prices.id
    left join currency_units
        on upper(prices.currency) = currency_units.currency
    left join price_intervals
        on prices.price_interval = price_intervals.price_interval
)

select * from subscription_items
