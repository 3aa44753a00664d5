-- Events of tickets with the state that each leaves behind. One row per event, numbered in business
-- order within the ticket.
with

events as (
    select * from {{ ref('stg_support__ticket_events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

-- Timestamps within one second are unreliable, so the business order of event types decides there.
numbered_events as (
    select
        events.*,
        row_number() over (
            partition by document
            order by
                {{ dbt.date_trunc('second', 'occurred_at') }}, business_order,
                occurred_at, loaded_at, event_id
        ) as event_number
    from events
),

lives as (
    select
        document,
        max(event_number) as last_number,
        min(case when event_type = 'ticket_created' then event_number end) as created_number,
        min(
            case
                when event_type in ('ticket_reopened', 'ticket_on_hold', 'ticket_resumed')
                    then event_number
            end
        ) as opened_number,
        max(
            case
                when
                    event_type = 'ticket_deleted'
                    or (event_type = 'ticket_merged' and into_ticket_id <> ticket_id)
                    or (event_type = 'ticket_closed' and close_reason = 'spam')
                    then event_number
            end
        ) as gone_number,
        max(case when event_type = 'ticket_reopened' then event_number end) as reopened_number
    from numbered_events
    group by document
),

-- Deleted, merged and spam tickets are dropped, unless they were reopened afterwards.
tickets as (
    select
        lives.document,
        accounts.account_id,
        first_events.event_number as first_number,
        lives.created_number is not null as has_creation
    from lives
    inner join numbered_events as last_events
        on
            lives.document = last_events.document
            and lives.last_number = last_events.event_number
    inner join numbered_events as first_events
        on
            lives.document = first_events.document
            and coalesce(lives.created_number, lives.opened_number) = first_events.event_number
    inner join accounts
        on last_events.account_id = accounts.account_id
    where
        {{ day_of('first_events.occurred_at') }} between accounts.started_on and accounts.ended_on
        and coalesce(lives.gone_number, 0) <= coalesce(lives.reopened_number, 0)
),

-- A repeated creation (an upsert) and a merge of a ticket into itself are mere changes.
ticket_events as (
    select
        tickets.document,
        tickets.account_id,
        tickets.has_creation,
        events.ticket_id,
        events.event_id,
        events.event_number,
        case
            when
                (
                    events.event_type = 'ticket_created'
                    and events.event_number > tickets.first_number
                )
                or (
                    events.event_type = 'ticket_merged'
                    and events.into_ticket_id = events.ticket_id
                )
                then 'changed'
            else replace(events.event_type, 'ticket_', '')
        end as event_kind,
        events.priority,
        events.waiting_for,
        events.author_role,
        events.created_by,
        events.is_public,
        events.is_expansion_request,
        events.occurred_at
    from tickets
    inner join numbered_events as events
        on
            tickets.document = events.document
            and tickets.first_number <= events.event_number
),

effects as (
    select
        ticket_events.*,
        event_kind = 'replied' and author_role = 'agent' and is_public as is_answer,
        case
            when event_kind in ('created', 'reopened', 'on_hold', 'resumed') then 1
            when event_kind in ('solved', 'closed', 'merged', 'deleted') then 0
        end as opens,
        case
            when event_kind = 'on_hold' and waiting_for = 'customer' then 0
            when event_kind in ('created', 'reopened', 'on_hold', 'resumed') then 1
            when event_kind = 'replied' and author_role = 'customer' then 1
            when event_kind = 'replied' and author_role = 'agent' and is_public then 0
        end as makes_ours
    from ticket_events
),

{% set so_far = 'over (partition by document order by event_number)' %}

-- The state after each event: the last known value of each attribute. Within one second a reply may
-- have an earlier time than the creation before it, so clock_at is a running maximum.
states as (
    select
        document,
        ticket_id,
        account_id,
        event_id,
        event_number,
        event_kind,
        {{ last_known('priority') }} {{ so_far }} as priority,
        author_role,
        has_creation,
        event_kind = 'created' and coalesce(created_by, 'customer') = 'agent' as is_agent_created,
        is_answer,
        coalesce({{ last_known('is_expansion_request') }} {{ so_far }}, false)
            as is_expansion_request,
        {{ last_known('opens') }} {{ so_far }} as is_open,
        {{ last_known('opens') }} {{ so_far }} * {{ last_known('makes_ours') }} {{ so_far }}
            as is_awaiting_us,
        occurred_at,
        max(occurred_at) {{ so_far }} as clock_at
    from effects
)

select * from states
