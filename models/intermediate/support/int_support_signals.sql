with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ add_days(first_day(), -90) }} and {{ first_day() }} <= ended_on
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

tracking_starts as (
    select * from {{ ref('base_tracking_starts') }}
),

tickets as (
    select * from {{ ref('int_tickets') }}
),

replies as (
    select * from {{ ref('stg_support__ticket_replies') }}
),

changes as (
    select * from {{ ref('stg_support__ticket_changes') }}
),

ticket_events as (
    select
        ticket_id,
        account_id,
        'created' as event_kind,
        is_expansion_request,
        created_at as occurred_at,
        created_loaded_at as loaded_at,
        created_event_id as event_id
    from tickets
    union all
    select
        tickets.ticket_id,
        tickets.account_id,
        replace(changes.event_type, 'ticket_', '') as event_kind,
        false as is_expansion_request,
        changes.occurred_at,
        changes.loaded_at,
        changes.event_id
    from changes
    inner join tickets
        on
            changes.ticket_id = tickets.ticket_id
            and changes.account_id = tickets.account_id
            and changes.occurred_at >= tickets.created_at
    union all
    select
        tickets.ticket_id,
        tickets.account_id,
        'replied' as event_kind,
        false as is_expansion_request,
        replies.occurred_at,
        replies.loaded_at,
        replies.event_id
    from replies
    inner join tickets
        on
            replies.ticket_id = tickets.ticket_id
            and replies.account_id = tickets.account_id
),

status_changes as (
    select
        account_id,
        occurred_at,
        case when event_kind = 'solved' then 0 else 1 end as is_open,
        lag(case when event_kind = 'solved' then 0 else 1 end, 1, 0) over (
            partition by ticket_id
            order by occurred_at, loaded_at, event_id
        ) as was_open
    from ticket_events
    where event_kind in ('created', 'solved', 'reopened')
),

facts as (
    select
        account_id,
        cast(occurred_at as date) as date_day,
        event_kind,
        1 as quantity
    from ticket_events
    union all
    select
        account_id,
        cast(occurred_at as date) as date_day,
        'expansion_request' as event_kind,
        1 as quantity
    from ticket_events
    where is_expansion_request
    union all
    select
        account_id,
        cast(occurred_at as date) as date_day,
        'open_change' as event_kind,
        is_open - was_open as quantity
    from status_changes
    where is_open <> was_open
    union all
    select
        account_id,
        cast(reply_due_at as date) as date_day,
        'breached' as event_kind,
        1 as quantity
    from tickets
    where is_reply_late
    union all
    select
        account_id,
        cast(first_replied_at as date) as date_day,
        'in_time' as event_kind,
        1 as quantity
    from tickets
    where not is_reply_late
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

-- For the totals that run from the start, what came before the days in sight counts on the first of
-- them, which no window of a computed day reaches.
in_sight as (
    select
        facts.account_id,
        greatest(facts.date_day, {{ add_days('updates.' ~ first_day(), -90) }}) as date_day,
        facts.event_kind,
        facts.quantity
    from facts
    inner join updates
        on facts.account_id = updates.account_id and facts.date_day >= updates.started_on
),

support_days as (
    select
        account_id,
        date_day,
        cast(sum(case when event_kind = 'created' then quantity else 0 end) as integer)
            as created,
        cast(sum(case when event_kind = 'replied' then quantity else 0 end) as integer)
            as replied,
        cast(sum(case when event_kind = 'escalated' then quantity else 0 end) as integer)
            as escalated,
        cast(sum(case when event_kind = 'reopened' then quantity else 0 end) as integer)
            as reopened,
        cast(sum(case when event_kind = 'expansion_request' then quantity else 0 end) as integer)
            as expansion_request,
        cast(sum(case when event_kind = 'open_change' then quantity else 0 end) as integer)
            as open_change,
        cast(sum(case when event_kind = 'breached' then quantity else 0 end) as integer)
            as breached,
        cast(sum(case when event_kind = 'in_time' then quantity else 0 end) as integer)
            as in_time,
        cast(sum(case when event_kind = 'first_reply' then quantity else 0 end) as integer)
            as first_reply,
        cast(sum(case when event_kind = 'wait_microseconds' then quantity else 0 end) as bigint)
            as wait_microseconds
    from in_sight
    group by account_id, date_day
),

daily as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.{{ first_day() }} as first_day,
        coalesce(support_days.created, 0) as created,
        coalesce(support_days.replied, 0) as replied,
        coalesce(support_days.escalated, 0) as escalated,
        coalesce(support_days.reopened, 0) as reopened,
        coalesce(support_days.expansion_request, 0) as expansion_request,
        coalesce(support_days.open_change, 0) as open_change,
        coalesce(support_days.breached, 0) as breached,
        coalesce(support_days.in_time, 0) as in_time,
        coalesce(support_days.first_reply, 0) as first_reply,
        coalesce(support_days.wait_microseconds, 0) as wait_microseconds
    from account_days
    left join support_days
        on
            account_days.account_id = support_days.account_id
            and account_days.date_day = support_days.date_day
),

running as (
    select
        account_id,
        date_day,
        first_day,
        sum(created) {{ over_last(30) }} as tickets_opened_30d,
        sum(created) {{ over_last(90) }} as tickets_opened_90d,
        sum(created) over (partition by account_id order by date_day) as tickets_ever,
        sum(open_change) over (partition by account_id order by date_day) as tickets_open,
        sum(first_reply) {{ over_last(30) }} as first_replies_30d,
        sum(wait_microseconds) {{ over_last(30) }} as wait_microseconds_30d,
        sum(breached) {{ over_last(30) }} as sla_breaches_30d,
        sum(breached) {{ over_last(90) }} as sla_breaches_90d,
        sum(in_time) {{ over_last(90) }} as in_time_90d,
        sum(escalated) {{ over_last(30) }} as escalations_30d,
        sum(reopened) {{ over_last(30) }} as tickets_reopened_30d,
        sum(replied) {{ over_last(90) }} as replies_90d,
        sum(expansion_request) {{ over_last(90) }} as expansion_requests_90d
    from daily
),

signals as (
    select
        running.account_id,
        running.date_day,
        cast(running.tickets_opened_30d as bigint) as tickets_opened_30d,
        cast(running.tickets_ever as bigint) as tickets_ever,
        cast(running.tickets_open as bigint) as tickets_open,
        {{ ratio('running.wait_microseconds_30d', '3.6e9 * running.first_replies_30d') }}
            as first_response_hours_30d,
        cast(running.sla_breaches_30d as bigint) as sla_breaches_30d,
        {{ ratio('running.sla_breaches_90d', '(running.sla_breaches_90d + running.in_time_90d)') }}
            as sla_breach_rate_90d,
        cast(running.escalations_30d as bigint) as escalations_30d,
        cast(running.tickets_reopened_30d as bigint) as tickets_reopened_30d,
        {{ ratio('running.replies_90d', 'running.tickets_opened_90d') }} as replies_per_ticket_90d,
        cast(running.expansion_requests_90d as bigint) as expansion_requests_90d
    from running
    cross join tracking_starts
    where
        running.date_day >= tracking_starts.support_from
        and running.date_day >= running.first_day
)

select * from signals
