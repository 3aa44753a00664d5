-- A fact counts from its day until it leaves a window: between two such days nothing changes.
{%- set signals = [
    'tickets_opened_30d', 'tickets_open', 'tickets_awaiting_us', 'first_response_hours_30d',
    'sla_breaches_30d', 'sla_breach_rate_90d', 'escalations_30d', 'tickets_reopened_30d',
    'replies_per_ticket_90d', 'expansion_requests_90d'
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
        cast(occurred_at as date) as date_day,
        event_kind,
        1 as quantity
    from ticket_events
    where has_creation and event_kind in ('created', 'escalated', 'reopened', 'replied')
    union all
    select
        account_id,
        cast(created_at as date) as date_day,
        'expansion_request' as event_kind,
        1 as quantity
    from tickets
    where is_expansion_request
    union all
    select
        account_id,
        cast(occurred_at as date) as date_day,
        'open_change' as event_kind,
        is_open - was_open as quantity
    from states
    where is_open <> was_open
    union all
    select
        account_id,
        cast(occurred_at as date) as date_day,
        'awaiting_us_change' as event_kind,
        is_awaiting_us - was_awaiting_us as quantity
    from states
    where is_awaiting_us <> was_awaiting_us
    union all
    select
        account_id,
        cast(breach_at as date) as date_day,
        'breached' as event_kind,
        1 as quantity
    from tickets
    where reply_outcome = 'breached'
    union all
    select
        account_id,
        cast(first_replied_at as date) as date_day,
        'in_time' as event_kind,
        1 as quantity
    from tickets
    where reply_outcome = 'in_time'
    union all
    select
        account_id,
        cast(first_replied_at as date) as date_day,
        'first_reply' as event_kind,
        1 as quantity
    from tickets
    where first_replied_at is not null
    union all
    select
        account_id,
        cast(first_replied_at as date) as date_day,
        'wait_microseconds' as event_kind,
        {{ microseconds_between('created_at', 'first_replied_at') }} as quantity
    from tickets
    where first_replied_at is not null
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
        sum(case when event_kind = 'created' then ever else 0 end) as tickets_ever,
        sum(case when event_kind = 'open_change' then ever else 0 end) as tickets_open,
        sum(case when event_kind = 'awaiting_us_change' then ever else 0 end)
            as tickets_awaiting_us,
        sum(case when event_kind = 'created' then last_30d else 0 end) as tickets_opened_30d,
        sum(case when event_kind = 'first_reply' then last_30d else 0 end) as first_replies_30d,
        sum(case when event_kind = 'wait_microseconds' then last_30d else 0 end)
            as wait_microseconds_30d,
        sum(case when event_kind = 'breached' then last_30d else 0 end) as sla_breaches_30d,
        sum(case when event_kind = 'escalated' then last_30d else 0 end) as escalations_30d,
        sum(case when event_kind = 'reopened' then last_30d else 0 end) as tickets_reopened_30d,
        sum(case when event_kind = 'created' then last_90d else 0 end) as tickets_opened_90d,
        sum(case when event_kind = 'breached' then last_90d else 0 end) as sla_breaches_90d,
        sum(case when event_kind = 'in_time' then last_90d else 0 end) as in_time_90d,
        sum(case when event_kind = 'replied' then last_90d else 0 end) as replies_90d,
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
        sum(tickets_ever) {{ over_so_far() }} as tickets_ever,
        sum(tickets_open) {{ over_so_far() }} as tickets_open,
        sum(tickets_awaiting_us) {{ over_so_far() }} as tickets_awaiting_us,
        sum(tickets_opened_30d) {{ over_so_far() }} as tickets_opened_30d,
        sum(first_replies_30d) {{ over_so_far() }} as first_replies_30d,
        sum(wait_microseconds_30d) {{ over_so_far() }} as wait_microseconds_30d,
        sum(sla_breaches_30d) {{ over_so_far() }} as sla_breaches_30d,
        sum(escalations_30d) {{ over_so_far() }} as escalations_30d,
        sum(tickets_reopened_30d) {{ over_so_far() }} as tickets_reopened_30d,
        sum(tickets_opened_90d) {{ over_so_far() }} as tickets_opened_90d,
        sum(sla_breaches_90d) {{ over_so_far() }} as sla_breaches_90d,
        sum(in_time_90d) {{ over_so_far() }} as in_time_90d,
        sum(replies_90d) {{ over_so_far() }} as replies_90d,
        sum(expansion_requests_90d) {{ over_so_far() }} as expansion_requests_90d
    from daily_changes
),

stretches as (
    select
        account_id,
        first_day,
        last_day,
        cast(tickets_opened_30d as bigint) as tickets_opened_30d,
        cast(tickets_ever as bigint) as tickets_ever,
        cast(tickets_open as bigint) as tickets_open,
        cast(tickets_awaiting_us as bigint) as tickets_awaiting_us,
        {{ ratio('wait_microseconds_30d', '3.6e9 * first_replies_30d') }}
            as first_response_hours_30d,
        cast(sla_breaches_30d as bigint) as sla_breaches_30d,
        {{ ratio('sla_breaches_90d', '(sla_breaches_90d + in_time_90d)') }}
            as sla_breach_rate_90d,
        cast(escalations_30d as bigint) as escalations_30d,
        cast(tickets_reopened_30d as bigint) as tickets_reopened_30d,
        {{ ratio('replies_90d', 'tickets_opened_90d') }} as replies_per_ticket_90d,
        cast(expansion_requests_90d as bigint) as expansion_requests_90d
    from running
),

days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
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
        days.tickets_ever,
        {% for signal in signals -%}
        case when observed.{{ signal }} is not null then days.{{ signal }} end as {{ signal }},
        {% endfor -%}
        days.date_day
    from days
    inner join observed
        on days.date_day = observed.date_day
)

select * from observed_signals
