-- All ancestors of each account, found by a recursive walk up the parents. One row per account and
-- ancestor. Circles and chains of more than 64 accounts have none.
with recursive

attributes as (
    select * from {{ ref('int_account_attributes') }}
),

aliases as (
    select * from {{ ref('base_accounts') }}
),

parents as (
    select
        attributes.account_id,
        aliases.account_id as parent_account_id
    from attributes
    inner join aliases
        on attributes.parent_account_id = aliases.source_account_id
    where attributes.account_id <> aliases.account_id
),

-- From each account upwards. A walk that gets one step beyond the limit of 64 runs in a circle.
walks as (
    select
        account_id,
        1 as depth,
        parent_account_id as ancestor_account_id
    from parents
    union all
    select
        walks.account_id,
        walks.depth + 1 as depth,
        parents.parent_account_id as ancestor_account_id
    from walks
    inner join parents
        on walks.ancestor_account_id = parents.account_id
    where walks.depth < 65
),

accounts_with_endless_walk as (
    select account_id from walks
    where depth = 65
),

ancestors as (
    select
        walks.account_id,
        walks.ancestor_account_id,
        walks.depth
    from walks
    inner join parents
        on walks.account_id = parents.account_id
    left join accounts_with_endless_walk
        on parents.parent_account_id = accounts_with_endless_walk.account_id
    where accounts_with_endless_walk.account_id is null
)

select * from ancestors
