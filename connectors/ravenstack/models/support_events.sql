with

support_tickets as (
    select * from {{ source('ravenstack', 'support_tickets') }}
),

-- A response time in minutes counts from midnight of the day, as the closing time does.
timed as (
    select
        ticket_id,
        account_id,
        case when priority = 'medium' then 'normal' else priority end as priority,
        try_cast(escalation_flag as boolean) as is_escalated,
        try_cast(submitted_at as timestamp) as created_at,
        try_cast(submitted_at as timestamp)
        + to_minutes(try_cast(first_response_time_minutes as bigint)) as replied_at,
        try_cast(closed_at as timestamp) as solved_at
    from support_tickets
),

created as (
    select
        ticket_id || '-1-created' as event_id,
        'ticket_created' as event_type,
        account_id,
        created_at as occurred_at,
        json_object('ticket_id', ticket_id, 'priority', priority) as payload
    from timed
),

replied as (
    select
        ticket_id || '-2-replied' as event_id,
        'ticket_replied' as event_type,
        account_id,
        replied_at as occurred_at,
        json_object(
            'ticket_id', ticket_id, 'author_role', 'agent', 'is_public', true
        ) as payload
    from timed
    where replied_at is not null
),

-- The flag has no time: at the closing it is surely known.
escalated as (
    select
        ticket_id || '-3-escalated' as event_id,
        'ticket_escalated' as event_type,
        account_id,
        solved_at as occurred_at,
        json_object('ticket_id', ticket_id) as payload
    from timed
    where is_escalated
),

solved as (
    select
        ticket_id || '-4-solved' as event_id,
        'ticket_solved' as event_type,
        account_id,
        solved_at as occurred_at,
        json_object('ticket_id', ticket_id) as payload
    from timed
    where solved_at is not null
),

unioned as (
    select * from created
    union all
    select * from replied
    union all
    select * from escalated
    union all
    select * from solved
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        cast(null as varchar) as user_id,
        occurred_at,
        occurred_at as loaded_at,
        cast(payload as varchar) as payload
    from unioned
)

select * from enveloped
