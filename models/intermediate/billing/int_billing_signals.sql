with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

invoices as (
    select * from {{ ref('int_invoices') }}
),

first_subscriptions as (
    select
        account_id,
        min(starts_on) as first_subscribed_on
    from subscription_periods
    group by account_id
),

subscribed_days as (
    select
        account_days.account_id,
        account_days.date_day,
        cast(sum(subscription_periods.arr) as decimal(18, 2)) as arr,
        cast(sum(subscription_periods.seats) as bigint) as seats,
        cast(sum(subscription_periods.usage_cap) as decimal(18, 6)) as usage_cap,
        min(
            case
                when subscription_periods.term_ends_on >= account_days.date_day
                    then subscription_periods.term_ends_on
            end
        ) as renews_on
    from account_days
    inner join subscription_periods
        on
            account_days.account_id = subscription_periods.account_id
            and account_days.date_day >= subscription_periods.starts_on
            and account_days.date_day < coalesce(
                subscription_periods.ends_on, cast('9999-12-31' as date)
            )
    group by account_days.account_id, account_days.date_day
),

first_invoices as (
    select
        account_id,
        min(issued_on) as first_invoiced_on
    from invoices
    group by account_id
),

overdue_days as (
    select
        account_days.account_id,
        account_days.date_day,
        min(invoices.due_on) as oldest_due_on
    from account_days
    inner join invoices
        on
            account_days.account_id = invoices.account_id
            and account_days.date_day >= invoices.issued_on
            and account_days.date_day > invoices.due_on
            and account_days.date_day < coalesce(invoices.closed_on, cast('9999-12-31' as date))
    where coalesce(invoices.closed_on > invoices.due_on, true)
    group by account_days.account_id, account_days.date_day
),

signals as (
    select
        account_days.account_id,
        account_days.date_day,
        case
            when first_subscriptions.first_subscribed_on <= account_days.date_day
                then case when subscribed_days.account_id is null then 0 else 1 end
        end as is_subscribed,
        case
            when first_subscriptions.first_subscribed_on <= account_days.date_day
                then coalesce(subscribed_days.arr, cast(0 as decimal(18, 2)))
        end as arr,
        case
            when
                first_subscriptions.first_subscribed_on <= account_days.date_day
                and subscribed_days.account_id is null
                then 0
            else subscribed_days.seats
        end as seats,
        subscribed_days.usage_cap,
        case
            when first_invoices.first_invoiced_on <= account_days.date_day
                then
                    coalesce(
                        {{ days_between('overdue_days.oldest_due_on', 'account_days.date_day') }}, 0
                    )
        end as days_overdue,
        {{ days_between('account_days.date_day', 'subscribed_days.renews_on') }} as days_to_renewal
    from account_days
    left join first_subscriptions
        on account_days.account_id = first_subscriptions.account_id
    left join subscribed_days
        on
            account_days.account_id = subscribed_days.account_id
            and account_days.date_day = subscribed_days.date_day
    left join first_invoices
        on account_days.account_id = first_invoices.account_id
    left join overdue_days
        on
            account_days.account_id = overdue_days.account_id
            and account_days.date_day = overdue_days.date_day
)

select * from signals
