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

-- From each account upwards. One step beyond the limit tells what runs in a circle.
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

endless as (
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
    left join endless
        on parents.parent_account_id = endless.account_id
    where endless.account_id is null
)

select * from ancestors
