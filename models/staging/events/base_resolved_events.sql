-- All events with the user and account that each counts for. One row per event. Adds the rejection
-- no_account.
with

events as (
    select * from {{ ref('base_events') }}
),

accounts as (
    select * from {{ ref('base_accounts') }}
),

identifications as (
    select * from {{ ref('base_identifications') }}
),

memberships as (
    select * from {{ ref('base_memberships') }}
    where is_last_added
),

-- Identifications hold in (known_after, known_until], memberships in [member_from, member_to).
events_with_accounts as (
    select
        events.*,
        coalesce(identifications.user_id, events.user_id) as known_user_id,
        coalesce(accounts.account_id, memberships.account_id) as resolved_account_id
    from events
    left join accounts
        on events.account_id = accounts.source_account_id
    left join identifications
        on
            case when events.source = 'product' then events.user_id end
            = identifications.anonymous_id
            and events.occurred_at > identifications.known_after
            and events.occurred_at <= identifications.known_until
    -- The join key is null for rows with an account, so that only those without one are looked up.
    left join memberships
        on
            case
                when events.source = 'product' and events.account_id is null
                    then coalesce(identifications.user_id, events.user_id)
            end
            = memberships.user_id
            and greatest(
                events.occurred_at, coalesce(identifications.identified_at, events.occurred_at)
            ) >= memberships.member_from
            and greatest(
                events.occurred_at, coalesce(identifications.identified_at, events.occurred_at)
            ) < memberships.member_to
),

resolved_events as (
    select
        source,
        event_id,
        event_type,
        resolved_account_id as account_id,
        account_id as source_account_id,
        known_user_id as user_id,
        user_id as source_user_id,
        payload,
        case
            when reject_reason is not null then reject_reason
            -- user_identified needs no account.
            when resolved_account_id is null
                then
                    case
                        when source = 'crm' and event_type = 'user_identified' then null
                        else 'no_account'
                    end
        end as reject_reason,
        rejected_key,
        read_problem,
        occurred_at,
        loaded_at,
        loaded_on,
        build_number
    from events_with_accounts
)

select * from resolved_events
