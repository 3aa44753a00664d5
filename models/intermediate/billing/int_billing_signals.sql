-- Billing signals, one row per account and day. They are computed on change days and carried to the
-- day before the next one. Intervals of terms and invoices are half-open: [starts_on, ends_on).
with

updates as (
    select
        account_id,
        ended_on,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

signed_terms as (
    select * from {{ ref('int_signed_terms') }}
),

invoices as (
    select * from {{ ref('int_invoices') }}
),

changes as (
    select account_id, first_day as date_day from updates
    union distinct
    select account_id, starts_on as date_day from subscription_periods
    union distinct
    select account_id, ends_on as date_day from subscription_periods
    union distinct
    select account_id, signed_from as date_day from signed_terms
    union distinct
    select account_id, signed_until as date_day from signed_terms
    union distinct
    select account_id, {{ add_days('term_ends_on', 1) }} as date_day from signed_terms
    union distinct
    select account_id, starts_on as date_day from invoices
    union distinct
    select account_id, {{ add_days('due_on', 1) }} as date_day from invoices
    where is_open
    union distinct
    select account_id, {{ add_days('paid_on', '365') }} as date_day from invoices
),

-- lead finds the next change day. In between only the days overdue and the days to renewal change.
change_days as (
    select
        changes.account_id,
        changes.date_day,
        coalesce(
            {{ add_days(
                'lead(changes.date_day) over (partition by changes.account_id'
                ~ ' order by changes.date_day)', -1
            ) }},
            updates.ended_on
        ) as last_day
    from changes
    inner join updates
        on
            changes.account_id = updates.account_id
            and changes.date_day between updates.first_day and updates.ended_on
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
        change_days.account_id,
        change_days.date_day,
        cast(sum(subscription_periods.arr) as decimal(18, 2)) as arr,
        cast(sum(subscription_periods.variable_revenue_annual) as decimal(18, 2))
            as variable_revenue_annual,
        cast(sum(subscription_periods.seats) as bigint) as seats,
        cast(sum(subscription_periods.usage_cap) as decimal(24, 6)) as usage_cap
    from change_days
    inner join subscription_periods
        on
            change_days.account_id = subscription_periods.account_id
            and change_days.date_day >= subscription_periods.starts_on
            and change_days.date_day < coalesce(
                subscription_periods.ends_on, cast('9999-12-31' as date)
            )
    group by change_days.account_id, change_days.date_day
),

first_signatures as (
    select
        account_id,
        min(signed_from) as first_signed_on
    from signed_terms
    group by account_id
),

-- What is signed: nothing after notice, and after an early renewal the term that it begins.
signed_days as (
    select
        change_days.account_id,
        change_days.date_day,
        cast(sum(signed_terms.arr) as decimal(18, 2)) as committed_arr,
        min(
            case
                when signed_terms.term_ends_on >= change_days.date_day
                    then signed_terms.term_ends_on
            end
        ) as renews_on
    from change_days
    inner join signed_terms
        on
            change_days.account_id = signed_terms.account_id
            and change_days.date_day >= signed_terms.signed_from
            and change_days.date_day < coalesce(
                signed_terms.signed_until, cast('9999-12-31' as date)
            )
    group by change_days.account_id, change_days.date_day
),

first_invoices as (
    select
        account_id,
        min(starts_on) as first_invoiced_on
    from invoices
    group by account_id
),

overdue_days as (
    select
        change_days.account_id,
        change_days.date_day,
        min(invoices.due_on) as oldest_due_on,
        cast(sum(invoices.open_amount) as decimal(18, 2)) as overdue_amount
    from change_days
    inner join invoices
        on
            change_days.account_id = invoices.account_id
            and change_days.date_day >= invoices.starts_on
            and change_days.date_day > invoices.due_on
            and change_days.date_day < coalesce(invoices.ends_on, cast('9999-12-31' as date))
    where invoices.is_open
    group by change_days.account_id, change_days.date_day
),

payment_days as (
    select
        change_days.account_id,
        change_days.date_day,
        sum({{ days_between('invoices.due_on', 'invoices.paid_on') }}) as delay_days,
        count(*) as paid_invoices
    from change_days
    inner join invoices
        on
            change_days.account_id = invoices.account_id
            and change_days.date_day >= invoices.starts_on
            and change_days.date_day < coalesce(invoices.ends_on, cast('9999-12-31' as date))
            and change_days.date_day < {{ add_days('invoices.paid_on', '365') }}
    group by change_days.account_id, change_days.date_day
),

stretches as (
    select
        change_days.account_id,
        change_days.date_day as first_day,
        change_days.last_day,
        case
            when first_subscriptions.first_subscribed_on <= change_days.date_day
                then case when subscribed_days.account_id is null then 0 else 1 end
        end as is_subscribed,
        case
            when first_subscriptions.first_subscribed_on <= change_days.date_day
                then coalesce(subscribed_days.arr, cast(0 as decimal(18, 2)))
        end as arr,
        case
            when
                first_subscriptions.first_subscribed_on <= change_days.date_day
                and subscribed_days.account_id is null
                then 0
            else subscribed_days.seats
        end as seats,
        case
            when first_signatures.first_signed_on <= change_days.date_day
                then coalesce(signed_days.committed_arr, cast(0 as decimal(18, 2)))
        end as committed_arr,
        subscribed_days.variable_revenue_annual,
        subscribed_days.usage_cap,
        coalesce(first_invoices.first_invoiced_on <= change_days.date_day, false) as is_invoiced,
        overdue_days.oldest_due_on,
        coalesce(overdue_days.overdue_amount, cast(0 as decimal(18, 2))) as overdue_amount,
        {{ ratio('payment_days.delay_days', 'payment_days.paid_invoices') }}
            as payment_delay_days_365d,
        signed_days.renews_on
    from change_days
    left join first_subscriptions
        on change_days.account_id = first_subscriptions.account_id
    left join subscribed_days
        on
            change_days.account_id = subscribed_days.account_id
            and change_days.date_day = subscribed_days.date_day
    left join first_signatures
        on change_days.account_id = first_signatures.account_id
    left join signed_days
        on
            change_days.account_id = signed_days.account_id
            and change_days.date_day = signed_days.date_day
    left join first_invoices
        on change_days.account_id = first_invoices.account_id
    left join overdue_days
        on
            change_days.account_id = overdue_days.account_id
            and change_days.date_day = overdue_days.date_day
    left join payment_days
        on
            change_days.account_id = payment_days.account_id
            and change_days.date_day = payment_days.date_day
),

days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

signals as (
    select
        account_id,
        date_day,
        is_subscribed,
        arr,
        committed_arr,
        variable_revenue_annual,
        seats,
        usage_cap,
        case
            when is_invoiced then coalesce({{ days_between('oldest_due_on', 'date_day') }}, 0)
        end as days_overdue,
        case when is_invoiced then overdue_amount end as overdue_amount,
        payment_delay_days_365d,
        {{ days_between('date_day', 'renews_on') }} as days_to_renewal
    from days
)

select * from signals
