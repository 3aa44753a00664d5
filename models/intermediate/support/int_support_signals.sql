-- A fact counts from its day until it leaves a window: between two such days nothing changes.
{%- set signals = [
    'tickets_opened_30d', 'tickets_open', 'tickets_awaiting_us', 'oldest_ticket_days',
    'median_ticket_days', 'first_response_hours_30d', 'first_response_median_hours_30d',
    'first_response_business_hours_30d', 'sla_breaches_30d', 'sla_breach_rate_90d',
    'resolution_breaches_30d', 'resolution_breach_rate_90d', 'tickets_solved_30d',
    'resolution_median_hours_30d', 'wait_median_hours_30d', 'first_contact_share_90d',
    'tickets_escalated_30d', 'escalated_ticket_share_90d', 'tickets_reopened_30d', 'reopened_ticket_share_90d', 'replies_per_ticket_90d',
    'expansion_requests_90d'
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

-- What came before the first day counts on it.
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

running as (
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
        running.account_id,
        running.first_day,
        {{ median('tickets.first_reply_hours') }} as hours,
        {{ median('tickets.first_reply_business_hours') }} as business_hours
    from running
    inner join tickets
        on
            running.account_id = tickets.account_id
            and running.first_day >= {{ day_of('tickets.first_replied_at') }}
            and running.first_day < {{ add_days(day_of('tickets.first_replied_at'), 30) }}
    group by running.account_id, running.first_day
),

-- A ticket that is escalated or reopened thrice is one ticket.
marked_tickets as (
    select
        running.account_id,
        running.first_day,
        count(distinct case when marks.event_kind = 'escalated' then marks.document end)
            as tickets_escalated,
        count(distinct case when marks.event_kind = 'reopened' then marks.document end)
            as tickets_reopened
    from running
    inner join ticket_events as marks
        on
            running.account_id = marks.account_id
            and running.first_day >= {{ day_of('marks.occurred_at') }}
            and running.first_day < {{ add_days(day_of('marks.occurred_at'), 30) }}
    where marks.has_creation and marks.event_kind in ('escalated', 'reopened')
    group by running.account_id, running.first_day
),

escalated_tickets as (
    select
        running.account_id,
        running.first_day,
        {{ ratio(
            'sum(case when running.first_day >= ' ~ day_of('tickets.escalated_at')
            ~ ' then 1 else 0 end)', 'count(*)'
        ) }} as share
    from running
    inner join tickets
        on
            running.account_id = tickets.account_id
            and running.first_day >= {{ day_of('tickets.created_at') }}
            and running.first_day < {{ add_days(day_of('tickets.created_at'), 90) }}
    group by running.account_id, running.first_day
),

recent_solutions as (
    select
        running.account_id,
        running.first_day,
        solutions.document,
        solutions.hours_since_began,
        solutions.hours_waited,
        solutions.is_in_time and coalesce(solutions.ends_on > running.first_day, true)
            as is_in_time,
        solutions.ends_on <= running.first_day as was_reopened,
        coalesce(solutions.ends_on > running.first_day, true)
        and running.first_day < {{ add_days('solutions.starts_on', 30) }} as is_solved_30d
    from running
    inner join solutions
        on
            running.account_id = solutions.account_id
            and running.first_day >= solutions.starts_on
            and running.first_day < {{ add_days('solutions.starts_on', 90) }}
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
        running.account_id,
        running.first_day,
        min(ticket_stretches.began_on) as oldest_began_on,
        {{ median(days_between('ticket_stretches.began_on', 'running.first_day')) }} as median_days
    from running
    inner join ticket_stretches
        on
            running.account_id = ticket_stretches.account_id
            and running.first_day >= ticket_stretches.starts_on
            and coalesce(running.first_day < ticket_stretches.ends_on, true)
    where ticket_stretches.is_open
    group by running.account_id, running.first_day
),

stretches as (
    select
        running.account_id,
        running.first_day,
        running.last_day,
        cast(running.tickets_opened_30d as bigint) as tickets_opened_30d,
        cast(running.tickets_open as bigint) as tickets_open,
        cast(running.tickets_awaiting_us as bigint) as tickets_awaiting_us,
        open_tickets.oldest_began_on,
        open_tickets.median_days,
        {{ ratio('running.wait_microseconds_30d', '3.6e9 * running.first_replies_30d') }}
            as first_response_hours_30d,
        {{ round_half_up('median_replies.hours', 6) }} as first_response_median_hours_30d,
        {{ round_half_up('median_replies.business_hours', 6) }}
            as first_response_business_hours_30d,
        cast(running.sla_breaches_30d as bigint) as sla_breaches_30d,
        {{ ratio('running.sla_breaches_90d', '(running.sla_breaches_90d + running.in_time_90d)') }}
            as sla_breach_rate_90d,
        cast(running.resolution_breaches_30d as bigint) as resolution_breaches_30d,
        {{ ratio(
            'running.resolution_breaches_90d',
            '(running.resolution_breaches_90d + coalesce(solved_tickets.in_time_90d, 0))'
        ) }} as resolution_breach_rate_90d,
        cast(coalesce(solved_tickets.tickets_30d, 0) as bigint) as tickets_solved_30d,
        {{ round_half_up('solved_tickets.hours', 6) }} as resolution_median_hours_30d,
        {{ round_half_up('solved_tickets.hours_waited', 6) }} as wait_median_hours_30d,
        {{ ratio('running.first_contacts_90d', 'running.contacts_judged_90d') }}
            as first_contact_share_90d,
        cast(coalesce(marked_tickets.tickets_escalated, 0) as bigint) as tickets_escalated_30d,
        escalated_tickets.share as escalated_ticket_share_90d,
        cast(coalesce(marked_tickets.tickets_reopened, 0) as bigint) as tickets_reopened_30d,
        solved_tickets.reopened_share as reopened_ticket_share_90d,
        {{ ratio('running.replies_90d', 'running.tickets_opened_90d') }} as replies_per_ticket_90d,
        cast(running.expansion_requests_90d as bigint) as expansion_requests_90d
    from running
    left join open_tickets
        on
            running.account_id = open_tickets.account_id
            and running.first_day = open_tickets.first_day
    left join median_replies
        on
            running.account_id = median_replies.account_id
            and running.first_day = median_replies.first_day
    left join solved_tickets
        on
            running.account_id = solved_tickets.account_id
            and running.first_day = solved_tickets.first_day
    left join marked_tickets
        on
            running.account_id = marked_tickets.account_id
            and running.first_day = marked_tickets.first_day
    left join escalated_tickets
        on
            running.account_id = escalated_tickets.account_id
            and running.first_day = escalated_tickets.first_day
),

stretch_days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

-- Open tickets grow older between two changes.
days as (
    select
        stretch_days.*,
        {{ days_between('oldest_began_on', 'date_day') }} as oldest_ticket_days,
        {{ round_half_up('median_days + ' ~ days_between('first_day', 'date_day'), 6) }}
            as median_ticket_days
    from stretch_days
),

-- A row per day: not null where the signal says something on the day.
observed as (
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
        case when observed.{{ signal }} is not null then days.{{ signal }} end as {{ signal }},
        {% endfor -%}
        days.date_day
    from days
    inner join observed
        on days.date_day = observed.date_day
)

select * from observed_signals
