-- The account of each group: the crosswalk's, else the group itself. One row per group.
with

groups as (
    select group_id from {{ source('segment', 'groups') }}
    union
    select context_group_id as group_id from {{ source('segment', 'tracks') }}
),

links as (
    select * from {{ source('crosswalk', 'crosswalk_links0') }}
    where vendor = 'segment'
),

group_accounts as (
    select
        groups.group_id,
        coalesce(links.account_id, groups.group_id) as account_id
    from groups
    left join links
        on groups.group_id = links.vendor_id
    where groups.group_id is not null
)

select * from group_accounts
