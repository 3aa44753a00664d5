-- Who is who and of which account, by the first identify and group call that says so. One row per
-- pair of ids.
with

identifies as (
    select * from {{ source('segment', 'identifies') }}
),

groups as (
    select * from {{ source('segment', 'groups') }}
),

group_accounts as (
    select * from {{ ref('group_accounts') }}
),

identified as (
    select
        'identified-' || user_id || '-' || anonymous_id as event_id,
        'user_identified' as event_type,
        cast(null as varchar) as account_id,
        user_id,
        min(coalesce({{ moment('timestamp') }}, {{ moment('received_at') }})) as occurred_at,
        min(greatest({{ moment('timestamp') }}, {{ moment('received_at') }})) as loaded_at,
        json_object('anonymous_id', anonymous_id) as payload
    from identifies
    where user_id is not null and anonymous_id is not null
    group by user_id, anonymous_id
),

joined_groups as (
    select
        'joined-' || groups.user_id || '-' || groups.group_id as event_id,
        'contact_added' as event_type,
        group_accounts.account_id,
        groups.user_id,
        min(coalesce({{ moment('groups.timestamp') }}, {{ moment('groups.received_at') }}))
            as occurred_at,
        min(greatest({{ moment('groups.timestamp') }}, {{ moment('groups.received_at') }}))
            as loaded_at,
        json_object() as payload
    from groups
    inner join group_accounts
        on groups.group_id = group_accounts.group_id
    where groups.user_id is not null
    group by groups.user_id, groups.group_id, group_accounts.account_id
),

unioned as (
    select * from identified
    union all
    select * from joined_groups
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        user_id,
        occurred_at,
        loaded_at,
        cast(payload as varchar) as payload
    from unioned
)

select * from enveloped
