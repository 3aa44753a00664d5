with

tickets as (
    select * from {{ ref('stg_support__tickets') }}
),

replies as (
    select * from {{ ref('stg_support__ticket_replies') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

sla_targets as (
    select * from {{ ref('sla_targets') }}
),

created as (
    select
        tickets.*,
        row_number() over (
            partition by tickets.ticket_id
            order by tickets.occurred_at, tickets.loaded_at, tickets.event_id
        ) as copy_number
    from tickets
),

in_scope as (
    select created.*
    from created
    inner join accounts
        on created.account_id = accounts.account_id
    where
        created.copy_number = 1
        and cast(created.occurred_at as date) between accounts.started_on and accounts.ended_on
),

first_replies as (
    select
        in_scope.ticket_id,
        min(replies.occurred_at) as first_replied_at
    from in_scope
    inner join replies
        on
            in_scope.ticket_id = replies.ticket_id
            and in_scope.account_id = replies.account_id
            and in_scope.occurred_at <= replies.occurred_at
    where replies.author_role = 'agent' and replies.is_public
    group by in_scope.ticket_id
),

timed as (
    select
        in_scope.ticket_id,
        in_scope.account_id,
        in_scope.priority,
        in_scope.topic,
        in_scope.is_expansion_request,
        in_scope.event_id as created_event_id,
        in_scope.occurred_at as created_at,
        in_scope.loaded_at as created_loaded_at,
        first_replies.first_replied_at,
        {{ add_time('in_scope.occurred_at', 'sla_targets.first_response_hours', 'hour') }}
            as reply_due_at
    from in_scope
    inner join sla_targets
        on in_scope.priority = sla_targets.priority
    left join first_replies
        on in_scope.ticket_id = first_replies.ticket_id
),

final as (
    select
        timed.*,
        coalesce(timed.first_replied_at > timed.reply_due_at, true) as is_reply_late
    from timed
)

select * from final
