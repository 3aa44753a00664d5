-- Tickets, their changes and their replies as support events. One row per event.
with

tickets as (
    select * from {{ ref('tickets') }}
),

ticket_values as (
    select * from {{ ref('ticket_values') }}
),

ticket_moves as (
    select * from {{ ref('ticket_moves') }}
),

ticket_states as (
    select * from {{ ref('ticket_states') }}
),

comments as (
    select * from {{ source('zendesk', 'ticket_comment') }}
),

users as (
    select * from {{ source('zendesk', 'user') }}
),

beginnings as (
    select
        ticket_id,
        max_by(field_value, value_number) filter (where field_name = 'priority') as priority,
        max_by(field_value, value_number) filter (where field_name = 'type') as type,
        max_by(field_value, value_number) filter (where field_name = 'assignee_id') as assignee
    from ticket_values
    where is_of_beginning
    group by ticket_id
),

created as (
    select
        tickets.ticket_id || '-created' as event_id,
        'ticket_created' as event_type,
        tickets.ticket_id,
        tickets.requester_id as user_id,
        tickets.created_at as occurred_at,
        json_object(
            'ticket_id', tickets.ticket_id,
            'priority', coalesce(beginnings.priority, '{{ var('default_priority') }}'),
            'type', beginnings.type,
            'assignee', beginnings.assignee,
            'created_by', case when tickets.is_by_agent then 'agent' else 'customer' end
        ) as payload
    from tickets
    left join beginnings
        on tickets.ticket_id = beginnings.ticket_id
),

changed as (
    select
        ticket_id || '-' || field_name || '-' || value_number as event_id,
        'ticket_changed' as event_type,
        ticket_id,
        cast(null as varchar) as user_id,
        happens_at as occurred_at,
        case field_name
            when 'priority'
                then json_object(
                    'ticket_id', ticket_id,
                    'priority', coalesce(field_value, '{{ var('default_priority') }}')
                )
            when 'type' then json_object('ticket_id', ticket_id, 'type', field_value)
            when 'assignee_id' then json_object('ticket_id', ticket_id, 'assignee', field_value)
            else json_object('ticket_id', ticket_id)
        end as payload
    from ticket_values
    where
        field_name in ('priority', 'type', 'assignee_id')
        and not is_of_beginning
),

-- Sent under the new account, which moves the ticket.
moved as (
    select
        ticket_id || '-moved-' || row_number() over (partition by ticket_id order by moved_at)
            as event_id,
        'ticket_changed' as event_type,
        ticket_id,
        cast(null as varchar) as user_id,
        moved_at as occurred_at,
        json_object('ticket_id', ticket_id) as payload
    from ticket_moves
    where moved_at is not null
),

-- A deletion by the loader's mark comes after all statuses. lag finds from where a state is
-- entered; a status that is not of ticket_states.csv is open.
all_states as (
    select
        ticket_values.ticket_id,
        ticket_values.happens_at,
        coalesce(ticket_states.state, 'open') as state,
        ticket_states.waiting_for,
        ticket_values.value_number
    from ticket_values
    left join ticket_states
        on ticket_values.field_value = ticket_states.status
    where ticket_values.field_name = 'status'
    union all
    select
        ticket_id,
        deleted_at as happens_at,
        'deleted' as state,
        cast(null as varchar) as waiting_for,
        1000000 as value_number
    from tickets
    where deleted_at is not null
),

states as (
    select
        all_states.*,
        coalesce(
            lag(state) over (partition by ticket_id order by value_number), 'open'
        ) as state_before,
        lag(waiting_for) over (partition by ticket_id order by value_number) as waited_for
    from all_states
),

state_changes as (
    select
        states.ticket_id,
        states.happens_at,
        states.value_number,
        states.waiting_for,
        unnest([
            case
                when
                    state_before in ('solved', 'closed', 'deleted')
                    and state in ('open', 'on_hold')
                    then 'ticket_reopened'
            end,
            case
                when state = 'on_hold' and waiting_for is distinct from waited_for
                    then 'ticket_on_hold'
                when state = 'open' and state_before = 'on_hold' then 'ticket_resumed'
                when state <> state_before and state = 'solved' then 'ticket_solved'
                when state <> state_before and state = 'closed' then 'ticket_closed'
                when state <> state_before and state = 'deleted' then 'ticket_deleted'
            end
        ]) as event_type
    from states
),

changed_states as (
    select
        ticket_id || '-' || event_type || '-' || value_number as event_id,
        event_type,
        ticket_id,
        cast(null as varchar) as user_id,
        happens_at as occurred_at,
        case
            when event_type = 'ticket_on_hold'
                then json_object('ticket_id', ticket_id, 'waiting_for', waiting_for)
            else json_object('ticket_id', ticket_id)
        end as payload
    from state_changes
    where event_type is not null
),

-- The ticket that stays lists those that went into it; they are closed with that.
merges as (
    select
        ticket_id as into_ticket_id,
        updated_at as into_updated_at,
        unnest(cast(try_cast(merged_ticket_ids as json) as varchar[])) as ticket_id
    from tickets
),

merged as (
    select
        merges.ticket_id || '-merged' as event_id,
        'ticket_merged' as event_type,
        merges.ticket_id,
        cast(null as varchar) as user_id,
        coalesce(max(states.happens_at), any_value(merges.into_updated_at)) as occurred_at,
        json_object(
            'ticket_id', merges.ticket_id, 'into_ticket_id', any_value(merges.into_ticket_id)
        ) as payload
    from merges
    left join states
        on merges.ticket_id = states.ticket_id
    group by merges.ticket_id
),

ordered_comments as (
    select
        comments.id as comment_id,
        comments.ticket_id,
        comments.user_id,
        try_cast(comments.public as boolean) as is_public,
        {{ moment('comments.created') }} as created_at,
        row_number() over (
            partition by comments.ticket_id
            order by {{ moment('comments.created') }}, try_cast(comments.id as hugeint)
        ) as comment_number
    from comments
    where not {{ is_true('comments._fivetran_deleted') }}
),

-- The first comment, at the ticket's creation by its submitter, is the ticket itself.
replied as (
    select
        ordered_comments.comment_id || '-replied' as event_id,
        'ticket_replied' as event_type,
        ordered_comments.ticket_id,
        ordered_comments.user_id,
        ordered_comments.created_at as occurred_at,
        json_object(
            'ticket_id', ordered_comments.ticket_id,
            'author_role',
            case
                when ordered_comments.user_id = '-1' then 'bot'
                when users.role in ('agent', 'admin') then 'agent'
                when
                    users.role = 'end-user' or ordered_comments.user_id = tickets.requester_id
                    then 'customer'
            end,
            'is_public', ordered_comments.is_public
        ) as payload
    from ordered_comments
    left join tickets
        on ordered_comments.ticket_id = tickets.ticket_id
    left join users
        on ordered_comments.user_id = users.id
    where
        not coalesce(
            ordered_comments.comment_number = 1
            and ordered_comments.user_id = tickets.submitter_id
            and ordered_comments.created_at <= tickets.created_at + interval 1 second,
            false
        )
),

unioned as (
    select * from created
    union all
    select * from changed
    union all
    select * from moved
    union all
    select * from changed_states
    union all
    select * from merged
    union all
    select * from replied
),

enveloped as (
    select
        unioned.event_id,
        unioned.event_type,
        ticket_moves.account_id,
        unioned.user_id,
        unioned.occurred_at,
        unioned.occurred_at as loaded_at,
        cast(unioned.payload as varchar) as payload
    from unioned
    left join ticket_moves
        on
            unioned.ticket_id = ticket_moves.ticket_id
            and coalesce(ticket_moves.moved_at <= unioned.occurred_at, true)
            and coalesce(unioned.occurred_at < ticket_moves.left_at, true)
)

select * from enveloped
