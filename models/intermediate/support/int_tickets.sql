with

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
    where has_creation
),

ticket_times as (
    select * from {{ ref('int_ticket_times') }}
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

-- Nobody waits for the first reply to a ticket that an agent opened.
awaited_replies as (
    select
        lives.*,
        case when not is_agent_created then first_answer_number end as first_reply_number
    from lives
),

-- What is said of the priority once the ticket was answered, or is over, moves no target.
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
        case
            when not lives.is_agent_created
                then {{ add_time(
                    'created.occurred_at', 'sla_targets.first_response_hours', 'hour'
                ) }}
        end as reply_due_at
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
    left join sla_targets
        on priority_changes.priority = sla_targets.priority
),

-- Nobody is late before the priority was raised.
breachable as (
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
        breachable.document,
        max(ticket_events.event_number) as event_number
    from breachable
    inner join ticket_events
        on
            breachable.document = ticket_events.document
            and breachable.breach_at >= ticket_events.occurred_at
    group by breachable.document
),

judged as (
    select
        breachable.document,
        breachable.ticket_id,
        breachable.account_id,
        breachable.priority,
        case
            when breachable.first_replied_at <= breachable.reply_due_at then 'in_time'
            when breachable.reply_due_at is null then 'no_target'
            when ticket_events.is_open = 0 then 'over_unanswered'
            when
                breachable.first_replied_at is not null
                or breachable.breach_at < watermarks.heard_until
                then 'breached'
            else 'not_due'
        end as reply_outcome,
        breachable.is_agent_created,
        breachable.is_expansion_request,
        breachable.created_at,
        breachable.escalated_at,
        breachable.first_replied_at,
        {{ ratio(
            microseconds_between('breachable.created_at', 'breachable.first_replied_at'), '3.6e9'
        ) }} as first_reply_hours,
        breachable.first_reply_business_hours,
        breachable.reply_due_at,
        breachable.breach_at
    from breachable
    left join states_at_breach
        on breachable.document = states_at_breach.document
    left join ticket_events
        on
            states_at_breach.document = ticket_events.document
            and states_at_breach.event_number = ticket_events.event_number
    cross join watermarks
)

select * from judged
