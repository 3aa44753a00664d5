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

-- Days on which all that was ended had run its course.
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

-- Where other terms still hold on the day the account goes on.
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
