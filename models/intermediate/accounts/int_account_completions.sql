-- Days on which an account ended without churn: it has no terms left, and every cancellation that
-- ended them says that the contract had run its course. One row per account and such day, with the
-- day of return.
with

subscription_terms as (
    select * from {{ ref('int_subscription_terms') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

cancellations as (
    select * from {{ ref('stg_billing__cancellations') }}
),

-- Days on which every cancellation that ends terms (min = 1) has a reason of the kind completed.
completed_days as (
    select
        subscription_terms.account_id,
        subscription_terms.ends_on
    from subscription_terms
    inner join cancellations
        on subscription_terms.cancellation_id = cancellations.event_id
    where subscription_terms.lapsed_on is null
    group by subscription_terms.account_id, subscription_terms.ends_on
    having min(case when cancellations.churn_kind = 'completed' then 1 else 0 end) = 1
),

-- The account is completed only where a period ends on the day (max = 1) and no other holds on it
-- (max = 0). It returns with the next period of at least a day. Periods are
-- half-open: [starts_on, ends_on).
completions as (
    select
        completed_days.account_id,
        completed_days.ends_on as completed_on,
        min(
            case
                when
                    subscription_periods.starts_on > completed_days.ends_on
                    and coalesce(
                        subscription_periods.ends_on > subscription_periods.starts_on, true
                    )
                    then subscription_periods.starts_on
            end
        ) as returned_on
    from completed_days
    inner join subscription_periods
        on completed_days.account_id = subscription_periods.account_id
    group by completed_days.account_id, completed_days.ends_on
    having
        max(
            case when subscription_periods.ends_on = completed_days.ends_on then 1 else 0 end
        ) = 1
        and max(
            case
                when
                    subscription_periods.starts_on <= completed_days.ends_on
                    and coalesce(subscription_periods.ends_on > completed_days.ends_on, true)
                    then 1
                else 0
            end
        ) = 0
)

select * from completions
