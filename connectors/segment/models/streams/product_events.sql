-- Track calls as product events. Without a group in its context a call has no account: the house
-- takes that of its user. One row per call.
with

tracks as (
    select * from {{ source('segment', 'tracks') }}
),

group_accounts as (
    select * from {{ ref('group_accounts') }}
),

product_events as (
    select
        tracks.id as event_id,
        tracks.event as event_type,
        group_accounts.account_id,
        coalesce(tracks.user_id, tracks.anonymous_id) as user_id,
        coalesce({{ moment('tracks.timestamp') }}, {{ moment('tracks.received_at') }})
            as occurred_at,
        greatest({{ moment('tracks.timestamp') }}, {{ moment('tracks.received_at') }})
            as loaded_at,
        cast(json_object('event_text', tracks.event_text) as varchar) as payload
    from tracks
    left join group_accounts
        on tracks.context_group_id = group_accounts.group_id
)

select * from product_events
