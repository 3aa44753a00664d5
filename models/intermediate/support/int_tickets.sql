-- Tickets with their first reply and the outcome of the first-response SLA. One row per ticket that
-- has a creation.
with

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
    where has_creation
),

ticket_times as (
    select * from {{ ref('int_ticket_times') }}
),

business_days as (
    select * from {{ ref('int_business_days') }}
    where open_minutes > 0
),

sla_targets as (
    select * from {{ ref('sla_targets') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'support'
),

default_targets as (
    select max(priority) as priority
    from sla_targets
    where is_default
),

lives as (
    select
        document,
        min(event_number) as created_number,
        max(event_number) as last_number,
        max(case when is_agent_created then 1 else 0 end) = 1 as is_agent_created,
        min(case when is_answer then event_number end) as first_answer_number,
        min(case when event_kind = 'escalated' then occurred_at end) as escalated_at,
        max(case when is_open = 1 then event_number end) as last_open_number
    from ticket_events
    group by document
),

-- A ticket that an agent opened awaits no first reply.
awaited_replies as (
    select
        lives.*,
        case when not is_agent_created then first_answer_number end as first_reply_number
    from lives
),

-- The target follows the priority only until the ticket is answered or over.
priorities as (
    select
        ticket_events.document,
        ticket_events.event_number,
        ticket_events.occurred_at,
        coalesce(ticket_events.priority, default_targets.priority) as priority,
        lag(coalesce(ticket_events.priority, default_targets.priority)) over (
            partition by ticket_events.document
            order by ticket_events.event_number
        ) as priority_before
    from ticket_events
    inner join lives
        on
            ticket_events.document = lives.document
            and ticket_events.event_number
            < coalesce(lives.first_answer_number, lives.last_open_number + 1)
    cross join default_targets
),

priority_changes as (
    select
        document,
        priority,
        occurred_at as priority_set_at,
        row_number() over (partition by document order by event_number desc) as place
    from priorities
    where coalesce(priority <> priority_before, true)
),

reply_targets as (
    select
        awaited_replies.document,
        awaited_replies.created_number,
        awaited_replies.first_reply_number,
        sla_targets.clock = 'business' as is_business,
        coalesce(sla_targets.pauses_on_customer, false) as is_paused_by_customer,
        cast(sla_targets.first_response_hours as bigint) * 3600000000 as target
    from awaited_replies
    inner join priority_changes
        on awaited_replies.document = priority_changes.document and priority_changes.place = 1
    inner join sla_targets
        on priority_changes.priority = sla_targets.priority
    where not awaited_replies.is_agent_created
),

-- Microseconds on the clock of the target at each step before the reply.
clock_steps as (
    select
        reply_targets.document,
        reply_targets.is_business,
        reply_targets.target,
        ticket_events.event_number,
        ticket_events.clock_at,
        ticket_times.calendar,
        ticket_times.timezone,
        ticket_events.is_awaiting_us = 1
        or ticket_events.is_open = 0
        or not reply_targets.is_paused_by_customer as is_running,
        case
            when reply_targets.is_business then ticket_times.business_line
            else {{ microseconds_between('created.clock_at', 'ticket_events.clock_at') }}
        end as line
    from reply_targets
    inner join ticket_events
        on
            reply_targets.document = ticket_events.document
            and ticket_events.event_number
            < coalesce(reply_targets.first_reply_number, ticket_events.event_number + 1)
    inner join ticket_events as created
        on
            reply_targets.document = created.document
            and reply_targets.created_number = created.event_number
    left join ticket_times
        on
            ticket_events.document = ticket_times.document
            and ticket_events.event_number = ticket_times.event_number
),

clock_runs as (
    select
        clock_steps.*,
        case
            when is_running
                then lead(line) over (partition by document order by event_number) - line
            else 0
        end as run
    from clock_steps
),

-- Running sums: the time used before each step.
clock_totals as (
    select
        clock_runs.*,
        coalesce(
            sum(run) over (
                partition by document order by event_number
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as used
    from clock_runs
),

-- Steps in which the running clock reaches the target. The last step has no end.
due_steps as (
    select
        document,
        is_business,
        clock_at,
        calendar,
        timezone,
        target - used as remaining,
        line + target - used as due_line,
        row_number() over (partition by document order by event_number) as place
    from clock_totals
    where is_running and coalesce(used + run >= target, true)
),

due_times as (
    select
        due_steps.document,
        case
            when due_steps.is_business
                then {{ business_moment(
                    'due_steps.due_line', 'business_days', 'due_steps.timezone'
                ) }}
            else {{ add_time('due_steps.clock_at', 'due_steps.remaining', 'microsecond') }}
        end as due_at
    from due_steps
    left join business_days
        on
            case when due_steps.is_business then due_steps.calendar end = business_days.calendar
            and {{ is_business_day_of('due_steps.due_line', 'business_days') }}
    where due_steps.place = 1
),

tickets as (
    select
        lives.document,
        last_events.ticket_id,
        last_events.account_id,
        lives.is_agent_created,
        priority_changes.priority,
        last_events.is_expansion_request,
        created.occurred_at as created_at,
        lives.escalated_at,
        first_replies.clock_at as first_replied_at,
        {{ ratio('(reply_times.business_line - created_times.business_line)', '3.6e9') }}
            as first_reply_business_hours,
        priority_changes.priority_set_at,
        reply_targets.document is not null as has_target,
        due_times.due_at as reply_due_at
    from awaited_replies as lives
    inner join ticket_events as created
        on
            lives.document = created.document
            and lives.created_number = created.event_number
    inner join ticket_events as last_events
        on
            lives.document = last_events.document
            and lives.last_number = last_events.event_number
    inner join priority_changes
        on lives.document = priority_changes.document and priority_changes.place = 1
    left join ticket_times as created_times
        on
            lives.document = created_times.document
            and lives.created_number = created_times.event_number
    left join ticket_events as first_replies
        on
            lives.document = first_replies.document
            and lives.first_reply_number = first_replies.event_number
    left join ticket_times as reply_times
        on
            lives.document = reply_times.document
            and lives.first_reply_number = reply_times.event_number
    left join reply_targets
        on lives.document = reply_targets.document
    left join due_times
        on lives.document = due_times.document
),

-- A breach is never dated before the priority was set that causes it.
timelines as (
    select
        tickets.*,
        case
            when reply_due_at < priority_set_at then priority_set_at
            else reply_due_at
        end as breach_at
    from tickets
),

states_at_breach as (
    select
        timelines.document,
        max(ticket_events.event_number) as event_number
    from timelines
    inner join ticket_events
        on
            timelines.document = ticket_events.document
            and timelines.breach_at >= ticket_events.occurred_at
    group by timelines.document
),

tickets_with_outcome as (
    select
        timelines.document,
        timelines.ticket_id,
        timelines.account_id,
        timelines.priority,
        case
            when not timelines.has_target then 'no_target'
            when timelines.first_replied_at <= timelines.reply_due_at then 'in_time'
            when timelines.reply_due_at is null and timelines.first_replied_at is not null
                then 'in_time'
            when timelines.reply_due_at is null then 'not_due'
            when ticket_events.is_open = 0 then 'over_unanswered'
            when
                timelines.first_replied_at is not null
                or timelines.breach_at < watermarks.heard_until
                then 'breached'
            else 'not_due'
        end as reply_outcome,
        timelines.is_agent_created,
        timelines.is_expansion_request,
        timelines.created_at,
        timelines.escalated_at,
        timelines.first_replied_at,
        {{ ratio(
            microseconds_between('timelines.created_at', 'timelines.first_replied_at'), '3.6e9'
        ) }} as first_reply_hours,
        timelines.first_reply_business_hours,
        timelines.reply_due_at,
        timelines.breach_at
    from timelines
    left join states_at_breach
        on timelines.document = states_at_breach.document
    left join ticket_events
        on
            states_at_breach.document = ticket_events.document
            and states_at_breach.event_number = ticket_events.event_number
    cross join watermarks
)

select * from tickets_with_outcome
