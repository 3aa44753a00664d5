-- Tickets with times and the organisation of the requester where they name none. One row per
-- ticket.
with

tickets as (
    select * from {{ source('zendesk', 'ticket') }}
),

users as (
    select * from {{ source('zendesk', 'user') }}
),

typed_tickets as (
    select
        tickets.id as ticket_id,
        coalesce(tickets.organization_id, users.organization_id) as organization_id,
        tickets.requester_id,
        tickets.submitter_id,
        tickets.assignee_id,
        tickets.status,
        tickets.priority,
        tickets.type,
        tickets.merged_ticket_ids,
        submitters.role in ('agent', 'admin') as is_by_agent,
        {{ moment('tickets.created_at') }} as created_at,
        {{ moment('tickets.updated_at') }} as updated_at,
        case
            when {{ is_true('tickets._fivetran_deleted') }}
                then {{ moment('tickets._fivetran_synced') }}
        end as deleted_at
    from tickets
    left join users
        on tickets.requester_id = users.id
    left join users as submitters
        on tickets.submitter_id = submitters.id
)

select * from typed_tickets
