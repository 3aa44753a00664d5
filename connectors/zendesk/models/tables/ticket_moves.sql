-- The organisation of each ticket over time. One row per ticket and half-open interval.
with

tickets as (
    select * from {{ ref('tickets') }}
),

ticket_values as (
    select * from {{ ref('ticket_values') }}
    where field_name = 'organization_id' and field_value is not null
),

organization_accounts as (
    select * from {{ ref('organization_accounts') }}
),

-- The first organisation that is known is that of the time before it, too.
stays as (
    select
        tickets.ticket_id,
        coalesce(ticket_values.field_value, tickets.organization_id) as organization_id,
        case
            when
                row_number() over (
                    partition by tickets.ticket_id order by ticket_values.value_number
                ) > 1
                then ticket_values.happens_at
        end as moved_at,
        lead(ticket_values.happens_at) over (
            partition by tickets.ticket_id order by ticket_values.value_number
        ) as left_at
    from tickets
    left join ticket_values
        on tickets.ticket_id = ticket_values.ticket_id
),

ticket_moves as (
    select
        stays.ticket_id,
        stays.moved_at,
        stays.left_at,
        coalesce(organization_accounts.account_id, stays.organization_id) as account_id
    from stays
    left join organization_accounts
        on stays.organization_id = organization_accounts.organization_id
)

select * from ticket_moves
