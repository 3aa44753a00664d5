with

invoice_events as (
    select * from {{ ref('stg_billing__invoices') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

numbered as (
    select
        invoice_events.*,
        {{ day_of('occurred_at') }} as date_day,
        row_number() over (
            partition by document order by {{ in_business_order() }}
        ) as event_number
    from invoice_events
),

running as (
    select
        numbered.*,
        lead(date_day) over (partition by document order by event_number) as next_day,
        sum(case when event_type = 'invoice_issued' then 1 else 0 end) over (
            partition by document order by event_number
        ) as issue_number,
        sum(case when event_type = 'invoice_paid' then amount else 0 end) over (
            partition by document order by event_number
        ) as paid_amount,
        sum(case when event_type = 'invoice_credited' then amount else 0 end) over (
            partition by document order by event_number
        ) as credited_amount
    from numbered
),

last_issues as (
    select
        document,
        account_id,
        row_number() over (partition by document order by event_number desc) as recency
    from running
    where event_type = 'invoice_issued'
),

-- What an issue says holds until the next one, which also takes back a voiding and a write-off.
states as (
    select
        document,
        invoice_id,
        date_day as starts_on,
        next_day as ends_on,
        max(case when event_type = 'invoice_issued' then amount end) over (
            partition by document, issue_number
        ) as amount,
        max(case when event_type = 'invoice_issued' then currency end) over (
            partition by document, issue_number
        ) as currency,
        max(case when event_type = 'invoice_issued' then due_on end) over (
            partition by document, issue_number
        ) as due_on,
        paid_amount,
        credited_amount,
        sum(
            case when event_type in ('invoice_voided', 'invoice_written_off') then 1 else 0 end
        ) over (
            partition by document, issue_number order by event_number
        ) > 0 as is_given_up
    from running
    where issue_number > 0
),

judged as (
    select
        states.*,
        amount - paid_amount - credited_amount as unpaid_amount,
        amount > 0
        and amount > paid_amount + credited_amount
        and not is_given_up as is_open,
        amount > 0
        and amount <= paid_amount + credited_amount
        and paid_amount > 0
        and not is_given_up as is_paid
    from states
    where coalesce(starts_on < ends_on, true)
),

-- Paid since the first of its states in a row in which nothing is missing.
stretched as (
    select
        judged.*,
        sum(case when is_paid then 0 else 1 end) over (
            partition by document order by starts_on
        ) as unpaid_number
    from judged
),

invoices as (
    select
        last_issues.account_id,
        stretched.document,
        stretched.invoice_id,
        stretched.starts_on,
        stretched.ends_on,
        stretched.amount,
        stretched.due_on,
        stretched.paid_amount,
        stretched.credited_amount,
        stretched.is_open,
        case
            when stretched.is_open
                then {{ round_half_up(
                    as_double('stretched.unpaid_amount')
                    ~ ' * exchange_rates.rate_to_reporting_currency', 2
                ) }}
        end as open_amount,
        case
            when stretched.is_paid
                then
                    min(case when stretched.is_paid then stretched.starts_on end) over (
                        partition by stretched.document, stretched.unpaid_number
                    )
        end as paid_on
    from stretched
    inner join last_issues
        on stretched.document = last_issues.document and last_issues.recency = 1
    inner join exchange_rates
        on stretched.currency = exchange_rates.currency
)

select * from invoices
