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

resolved as (
    select
        events.*,
        coalesce(accounts.account_id, memberships.account_id) as resolved_account_id
    from events
    left join accounts
        on events.account_id = accounts.source_account_id
    -- A case and no further condition, so that only the rows without an account are looked up.
    left join memberships
        on
            case
                when events.source = 'product' and events.account_id is null then events.user_id
            end
            = memberships.user_id
            and events.occurred_at >= memberships.member_from
            and events.occurred_at < memberships.member_to
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
        loaded_at,
        loaded_on,
        build_number
    from resolved
)

select * from judged
