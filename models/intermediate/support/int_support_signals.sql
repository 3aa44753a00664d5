-- Support signals, one row per account and day. Interval sums: each fact adds to a count on its day
-- and is taken off when it leaves its window, so the signals are constant between two change days.
-- Windows over days would not know the median of a window, nor which tickets are open.
-- Windows are half-open: [day of the fact, day + 30 or 90).
{%- set signals = [
    'tickets_opened_30d', 'tickets_open', 'tickets_awaiting_us', 'oldest_ticket_days',
    'median_ticket_days', 'first_response_hours_30d', 'first_response_median_hours_30d',
    'first_response_business_hours_30d', 'sla_breaches_30d', 'sla_breach_rate_90d',
    'resolution_breaches_30d', 'resolution_breach_rate_90d', 'tickets_solved_30d',
    'resolution_median_hours_30d', 'wait_median_hours_30d', 'first_contact_share_90d',
    'tickets_escalated_30d', 'escalated_ticket_share_90d', 'tickets_reopened_30d',
    'reopened_ticket_share_90d', 'replies_per_ticket_90d', 'expansion_requests_90d'
] %}

with

updates as (
    select
        account_id,
        started_on,
        ended_on,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
),

tickets as (
    select * from {{ ref('int_tickets') }}
),

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
),

ticket_stretches as (
    select * from {{ ref('int_ticket_stretches') }}
),

resolution_clocks as (
    select * from {{ ref('int_resolution_clocks') }}
),

support_settings as (
    select * from {{ ref('support_settings') }}
),

solutions as (
    select
        ticket_stretches.*,
        coalesce(not resolution_clocks.was_breached, false) as is_in_time
    from ticket_stretches
    left join resolution_clocks
        on
            ticket_stretches.document = resolution_clocks.document
            and ticket_stretches.first_event_number = resolution_clocks.event_number
    where ticket_stretches.has_creation and not ticket_stretches.is_open
),

-- First-contact resolution is judged some days after the first solution: one answer sufficed, and
-- the ticket was not reopened until then.
first_solutions as (
    select
        solutions.account_id,
        {{ add_days('solutions.starts_on', 'support_settings.first_contact_days') }} as judged_on,
        solutions.answers,
        solutions.ends_on
    from solutions
    cross join support_settings
    where
        solutions.stretch_number = 2
        and solutions.answers > 0
        and not solutions.is_agent_created
),

-- lag compares the state after each event with the one before, to find tickets that open or close.
states as (
    select
        account_id,
        occurred_at,
        is_open,
        is_awaiting_us,
        lag(is_open, 1, 0) over (partition by document order by event_number) as was_open,
        lag(is_awaiting_us, 1, 0) over (partition by document order by event_number)
            as was_awaiting_us
    from ticket_events
),

facts as (
    select
        account_id,
        {{ day_of('occurred_at') }} as date_day,
        event_kind,
        1 as quantity
    from ticket_events
    where
        has_creation
        and event_kind in ('created', 'escalated', 'reopened', 'replied')
        and coalesce(author_role, 'agent') <> 'bot'
    union all
    select
        account_id,
        {{ day_of('created_at') }} as date_day,
        'expansion_request' as event_kind,
        1 as quantity
    from tickets
    where is_expansion_request
    union all
    select
        account_id,
        {{ day_of('occurred_at') }} as date_day,
        'open_change' as event_kind,
        is_open - was_open as quantity
    from states
    where is_open <> was_open
    union all
    select
        account_id,
        {{ day_of('occurred_at') }} as date_day,
        'awaiting_us_change' as event_kind,
        is_awaiting_us - was_awaiting_us as quantity
    from states
    where is_awaiting_us <> was_awaiting_us
    union all
    select
        account_id,
        {{ day_of('breach_at') }} as date_day,
        'breached' as event_kind,
        1 as quantity
    from tickets
    where reply_outcome = 'breached'
    union all
    select
        account_id,
        {{ day_of('first_replied_at') }} as date_day,
        'in_time' as event_kind,
        1 as quantity
    from tickets
    where reply_outcome = 'in_time'
    union all
    select
        account_id,
        {{ day_of('breached_at') }} as date_day,
        'resolution_breached' as event_kind,
        1 as quantity
    from resolution_clocks
    where breached_at is not null
    union all
    select
        account_id,
        {{ day_of('first_replied_at') }} as date_day,
        'first_reply' as event_kind,
        1 as quantity
    from tickets
    where first_replied_at is not null
    union all
    select
        account_id,
        {{ day_of('first_replied_at') }} as date_day,
        'wait_microseconds' as event_kind,
        {{ microseconds_between('created_at', 'first_replied_at') }} as quantity
    from tickets
    where first_replied_at is not null
    union all
    select
        account_id,
        judged_on as date_day,
        'contact_judged' as event_kind,
        1 as quantity
    from first_solutions
    union all
    select
        account_id,
        judged_on as date_day,
        'first_contact' as event_kind,
        1 as quantity
    from first_solutions
    where answers = 1 and coalesce(ends_on > judged_on, true)
),

changes as (
    select
        account_id,
        date_day as fact_on,
        date_day,
        event_kind,
        quantity as ever,
        quantity as last_30d,
        quantity as last_90d
    from facts
    union all
    select
        account_id,
        date_day as fact_on,
        {{ add_days('date_day', 30) }} as date_day,
        event_kind,
        0 as ever,
        -quantity as last_30d,
        0 as last_90d
    from facts
    union all
    select
        account_id,
        date_day as fact_on,
        {{ add_days('date_day', 90) }} as date_day,
        event_kind,
        0 as ever,
        0 as last_30d,
        -quantity as last_90d
    from facts
    union all
    select
        account_id,
        started_on as fact_on,
        first_day as date_day,
        'none' as event_kind,
        0 as ever,
        0 as last_30d,
        0 as last_90d
    from updates
),

-- Changes dated before the first computed day are booked on that day.
counted_changes as (
    select
        changes.account_id,
        updates.ended_on,
        greatest(changes.date_day, updates.first_day) as date_day,
        changes.event_kind,
        changes.ever,
        changes.last_30d,
        changes.last_90d
    from changes
    inner join updates
        on
            changes.account_id = updates.account_id
            and changes.fact_on >= updates.started_on
            and changes.date_day <= updates.ended_on
),

daily_changes as (
    select
        account_id,
        ended_on,
        date_day,
        sum(case when event_kind = 'open_change' then ever else 0 end) as tickets_open,
        sum(case when event_kind = 'awaiting_us_change' then ever else 0 end)
            as tickets_awaiting_us,
        sum(case when event_kind = 'created' then last_30d else 0 end) as tickets_opened_30d,
        sum(case when event_kind = 'first_reply' then last_30d else 0 end) as first_replies_30d,
        sum(case when event_kind = 'wait_microseconds' then last_30d else 0 end)
            as wait_microseconds_30d,
        sum(case when event_kind = 'breached' then last_30d else 0 end) as sla_breaches_30d,
        sum(case when event_kind = 'resolution_breached' then last_30d else 0 end)
            as resolution_breaches_30d,
        sum(case when event_kind = 'created' then last_90d else 0 end) as tickets_opened_90d,
        sum(case when event_kind = 'breached' then last_90d else 0 end) as sla_breaches_90d,
        sum(case when event_kind = 'in_time' then last_90d else 0 end) as in_time_90d,
        sum(case when event_kind = 'resolution_breached' then last_90d else 0 end)
            as resolution_breaches_90d,
        sum(case when event_kind = 'replied' then last_90d else 0 end) as replies_90d,
        sum(case when event_kind = 'contact_judged' then last_90d else 0 end)
            as contacts_judged_90d,
        sum(case when event_kind = 'first_contact' then last_90d else 0 end)
            as first_contacts_90d,
        sum(case when event_kind = 'expansion_request' then last_90d else 0 end)
            as expansion_requests_90d
    from counted_changes
    group by account_id, ended_on, date_day
),

totals as (
    select
        account_id,
        date_day as first_day,
        {{ last_day_unchanged() }} as last_day,
        sum(tickets_open) {{ over_so_far() }} as tickets_open,
        sum(tickets_awaiting_us) {{ over_so_far() }} as tickets_awaiting_us,
        sum(tickets_opened_30d) {{ over_so_far() }} as tickets_opened_30d,
        sum(first_replies_30d) {{ over_so_far() }} as first_replies_30d,
        sum(wait_microseconds_30d) {{ over_so_far() }} as wait_microseconds_30d,
        sum(sla_breaches_30d) {{ over_so_far() }} as sla_breaches_30d,
        sum(resolution_breaches_30d) {{ over_so_far() }} as resolution_breaches_30d,
        sum(tickets_opened_90d) {{ over_so_far() }} as tickets_opened_90d,
        sum(sla_breaches_90d) {{ over_so_far() }} as sla_breaches_90d,
        sum(in_time_90d) {{ over_so_far() }} as in_time_90d,
        sum(resolution_breaches_90d) {{ over_so_far() }} as resolution_breaches_90d,
        sum(replies_90d) {{ over_so_far() }} as replies_90d,
        sum(contacts_judged_90d) {{ over_so_far() }} as contacts_judged_90d,
        sum(first_contacts_90d) {{ over_so_far() }} as first_contacts_90d,
        sum(expansion_requests_90d) {{ over_so_far() }} as expansion_requests_90d
    from daily_changes
),

median_replies as (
    select
        totals.account_id,
        totals.first_day,
        {{ median('tickets.first_reply_hours') }} as hours,
        {{ median('tickets.first_reply_business_hours') }} as business_hours
    from totals
    inner join tickets
        on
            totals.account_id = tickets.account_id
            and totals.first_day >= {{ day_of('tickets.first_replied_at') }}
            and totals.first_day < {{ add_days(day_of('tickets.first_replied_at'), 30) }}
    group by totals.account_id, totals.first_day
),

-- Distinct tickets: one that is escalated or reopened several times counts once.
tickets_by_mark as (
    select
        totals.account_id,
        totals.first_day,
        count(distinct case when marks.event_kind = 'escalated' then marks.document end)
            as tickets_escalated,
        count(distinct case when marks.event_kind = 'reopened' then marks.document end)
            as tickets_reopened
    from totals
    inner join ticket_events as marks
        on
            totals.account_id = marks.account_id
            and totals.first_day >= {{ day_of('marks.occurred_at') }}
            and totals.first_day < {{ add_days(day_of('marks.occurred_at'), 30) }}
    where marks.has_creation and marks.event_kind in ('escalated', 'reopened')
    group by totals.account_id, totals.first_day
),

escalated_tickets as (
    select
        totals.account_id,
        totals.first_day,
        {{ ratio(
            'sum(case when totals.first_day >= ' ~ day_of('tickets.escalated_at')
            ~ ' then 1 else 0 end)', 'count(*)'
        ) }} as share
    from totals
    inner join tickets
        on
            totals.account_id = tickets.account_id
            and totals.first_day >= {{ day_of('tickets.created_at') }}
            and totals.first_day < {{ add_days(day_of('tickets.created_at'), 90) }}
    group by totals.account_id, totals.first_day
),

-- Solutions of the 90 days up to each change day, and whether they still stood on it.
recent_solutions as (
    select
        totals.account_id,
        totals.first_day,
        solutions.document,
        solutions.hours_since_began,
        solutions.hours_waited,
        solutions.is_in_time and coalesce(solutions.ends_on > totals.first_day, true)
            as is_in_time,
        solutions.ends_on <= totals.first_day as was_reopened,
        coalesce(solutions.ends_on > totals.first_day, true)
        and totals.first_day < {{ add_days('solutions.starts_on', 30) }} as is_solved_30d
    from totals
    inner join solutions
        on
            totals.account_id = solutions.account_id
            and totals.first_day >= solutions.starts_on
            and totals.first_day < {{ add_days('solutions.starts_on', 90) }}
),

solved_tickets as (
    select
        account_id,
        first_day,
        sum(case when is_solved_30d then 1 else 0 end) as tickets_30d,
        sum(case when is_in_time then 1 else 0 end) as in_time_90d,
        {{ median('case when is_solved_30d then hours_since_began end') }} as hours,
        {{ median('case when is_solved_30d then hours_waited end') }} as hours_waited,
        {{ ratio(
            'count(distinct case when was_reopened then document end)', 'count(distinct document)'
        ) }} as reopened_share
    from recent_solutions
    group by account_id, first_day
),

open_tickets as (
    select
        totals.account_id,
        totals.first_day,
        min(ticket_stretches.began_on) as oldest_began_on,
        {{ median(days_between('ticket_stretches.began_on', 'totals.first_day')) }} as median_days
    from totals
    inner join ticket_stretches
        on
            totals.account_id = ticket_stretches.account_id
            and totals.first_day >= ticket_stretches.starts_on
            and coalesce(totals.first_day < ticket_stretches.ends_on, true)
    where ticket_stretches.is_open
    group by totals.account_id, totals.first_day
),

stretches as (
    select
        totals.account_id,
        totals.first_day,
        totals.last_day,
        cast(totals.tickets_opened_30d as bigint) as tickets_opened_30d,
        cast(totals.tickets_open as bigint) as tickets_open,
        cast(totals.tickets_awaiting_us as bigint) as tickets_awaiting_us,
        open_tickets.oldest_began_on,
        open_tickets.median_days,
        {{ ratio('totals.wait_microseconds_30d', '3.6e9 * totals.first_replies_30d') }}
            as first_response_hours_30d,
        {{ round_half_up('median_replies.hours', 6) }} as first_response_median_hours_30d,
        {{ round_half_up('median_replies.business_hours', 6) }}
            as first_response_business_hours_30d,
        cast(totals.sla_breaches_30d as bigint) as sla_breaches_30d,
        {{ ratio('totals.sla_breaches_90d', '(totals.sla_breaches_90d + totals.in_time_90d)') }}
            as sla_breach_rate_90d,
        cast(totals.resolution_breaches_30d as bigint) as resolution_breaches_30d,
        {{ ratio(
            'totals.resolution_breaches_90d',
            '(totals.resolution_breaches_90d + coalesce(solved_tickets.in_time_90d, 0))'
        ) }} as resolution_breach_rate_90d,
        cast(coalesce(solved_tickets.tickets_30d, 0) as bigint) as tickets_solved_30d,
        {{ round_half_up('solved_tickets.hours', 6) }} as resolution_median_hours_30d,
        {{ round_half_up('solved_tickets.hours_waited', 6) }} as wait_median_hours_30d,
        {{ ratio('totals.first_contacts_90d', 'totals.contacts_judged_90d') }}
            as first_contact_share_90d,
        cast(coalesce(tickets_by_mark.tickets_escalated, 0) as bigint) as tickets_escalated_30d,
        escalated_tickets.share as escalated_ticket_share_90d,
        cast(coalesce(tickets_by_mark.tickets_reopened, 0) as bigint) as tickets_reopened_30d,
        solved_tickets.reopened_share as reopened_ticket_share_90d,
        {{ ratio('totals.replies_90d', 'totals.tickets_opened_90d') }} as replies_per_ticket_90d,
        cast(totals.expansion_requests_90d as bigint) as expansion_requests_90d
    from totals
    left join open_tickets
        on
            totals.account_id = open_tickets.account_id
            and totals.first_day = open_tickets.first_day
    left join median_replies
        on
            totals.account_id = median_replies.account_id
            and totals.first_day = median_replies.first_day
    left join solved_tickets
        on
            totals.account_id = solved_tickets.account_id
            and totals.first_day = solved_tickets.first_day
    left join tickets_by_mark
        on
            totals.account_id = tickets_by_mark.account_id
            and totals.first_day = tickets_by_mark.first_day
    left join escalated_tickets
        on
            totals.account_id = escalated_tickets.account_id
            and totals.first_day = escalated_tickets.first_day
),

stretch_days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

-- Between two change days only the age of open tickets grows.
days as (
    select
        stretch_days.*,
        {{ days_between('oldest_began_on', 'date_day') }} as oldest_ticket_days,
        {{ round_half_up('median_days + ' ~ days_between('first_day', 'date_day'), 6) }}
            as median_ticket_days
    from stretch_days
),

-- One row per day, one column per signal: not null where the signal is observed on the day.
coverage_days as (
    select
        {% for signal in signals -%}
        max(case when signal = '{{ signal }}' then observed_since end) as {{ signal }},
        {% endfor -%}
        date_day
    from signal_coverage
    group by date_day
),

observed_signals as (
    select
        days.account_id,
        {% for signal in signals -%}
        case when coverage_days.{{ signal }} is not null then days.{{ signal }} end as {{ signal }},
        {% endfor -%}
        days.date_day
    from days
    inner join coverage_days
        on days.date_day = coverage_days.date_day
)

select * from observed_signals
