with

events as (
    select * from {{ ref('base_events') }}
),

accounts as (
    select * from {{ ref('base_accounts') }}
),

memberships as (
    select * from {{ ref('base_memberships') }}
),

of_account as (
    select
        events.*,
        accounts.account_id as resolved_account_id
    from events
    left join accounts
        on events.account_id = accounts.source_account_id
    where events.account_id is not null or events.source <> 'product'
),

of_user as (
    select
        events.*,
        memberships.account_id as resolved_account_id
    from events
    left join memberships
        on
            events.user_id = memberships.user_id
            and events.occurred_at >= memberships.member_from
            and events.occurred_at < memberships.member_to
    where events.account_id is null and events.source = 'product'
),

resolved as (
    select * from of_account
    union all
    select * from of_user
),

judged as (
    select
        source,
        event_id,
        event_type,
        resolved_account_id as account_id,
        account_id as source_account_id,
        user_id,
        payload,
        coalesce(
            reject_reason, case when resolved_account_id is null then 'no_account' end
        ) as reject_reason,
        rejected_key,
        occurred_at,
        loaded_at
    from resolved
)

select * from judged
