-- The states of each invoice over time: amount, payments, credits, open or paid. One row per issued
-- invoice and state, for days in the half-open interval [starts_on, ends_on).
with

invoice_events as (
    select * from {{ ref('stg_billing__invoices') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

numbered_events as (
    select
        invoice_events.*,
        {{ day_of('occurred_at') }} as date_day,
        row_number() over (
            partition by document order by {{ in_business_order() }}
        ) as event_number
    from invoice_events
),

-- Running sums of payments and credits. lead gives the end of each state.
events_with_totals as (
    select
        numbered_events.*,
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
    from numbered_events
),

-- An invoice belongs to the account of its last issue.
last_issues as (
    select
        document,
        account_id,
        row_number() over (partition by document order by event_number desc) as recency
    from events_with_totals
    where event_type = 'invoice_issued'
),

-- Amount, currency and due day hold until the next issue, which also reverses a voiding or
-- write-off.
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
        ) > 0 as is_voided_or_written_off
    from events_with_totals
    where issue_number > 0
),

-- Of several events on one day only the last leaves a state: the others end on the day they start.
states_with_outcome as (
    select
        states.*,
        amount - paid_amount - credited_amount as unpaid_amount,
        amount > 0
        and amount > paid_amount + credited_amount
        and not is_voided_or_written_off as is_open,
        amount > 0
        and amount <= paid_amount + credited_amount
        and paid_amount > 0
        and not is_voided_or_written_off as is_paid
    from states
    where coalesce(starts_on < ends_on, true)
),

-- Gaps and islands: consecutive paid states have the same number of unpaid states before them. The
-- invoice is paid since the first of them.
paid_runs as (
    select
        states_with_outcome.*,
        sum(case when is_paid then 0 else 1 end) over (
            partition by document order by starts_on
        ) as unpaid_states
    from states_with_outcome
),

invoices as (
    select
        last_issues.account_id,
        paid_runs.document,
        paid_runs.invoice_id,
        paid_runs.starts_on,
        paid_runs.ends_on,
        paid_runs.amount,
        paid_runs.due_on,
        paid_runs.paid_amount,
        paid_runs.credited_amount,
        paid_runs.is_open,
        case
            when paid_runs.is_open
                then {{ round_half_up(
                    as_double('paid_runs.unpaid_amount')
                    ~ ' * exchange_rates.rate_to_reporting_currency', 2
                ) }}
        end as open_amount,
        case
            when paid_runs.is_paid
                then
                    min(case when paid_runs.is_paid then paid_runs.starts_on end) over (
                        partition by paid_runs.document, paid_runs.unpaid_states
                    )
        end as paid_on
    from paid_runs
    inner join last_issues
        on paid_runs.document = last_issues.document and last_issues.recency = 1
    inner join exchange_rates
        on paid_runs.currency = exchange_rates.currency
)

select * from invoices
