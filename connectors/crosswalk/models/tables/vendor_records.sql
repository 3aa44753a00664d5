-- Customers, organisations and groups that are to be one with an account. One row per vendor and
-- record.
with

customers as (
    select * from {{ source('stripe', 'customer') }}
),

organizations as (
    select * from {{ source('zendesk', 'organization') }}
),

domain_names as (
    select
        organization_id,
        list(domain_name) as domains
    from {{ source('zendesk', 'domain_name') }}
    group by organization_id
),

-- The last call names the group as it is.
group_calls as (
    select
        *,
        row_number() over (partition by group_id order by received_at desc) as recency
    from {{ source('segment', 'groups') }}
    where group_id is not null
),

vendor_records as (
    select
        'stripe' as vendor,
        id as vendor_id,
        name as record_name,
        try_cast(metadata as json) ->> '$.account_id' as stated_id,
        [email] as addresses
    from customers
    union all
    select
        'zendesk' as vendor,
        organizations.id as vendor_id,
        organizations.name as record_name,
        organizations.external_id as stated_id,
        domain_names.domains as addresses
    from organizations
    left join domain_names
        on organizations.id = domain_names.organization_id
    union all
    select
        'segment' as vendor,
        group_id as vendor_id,
        name as record_name,
        coalesce(account_id, group_id) as stated_id,
        [website] as addresses
    from group_calls
    where recency = 1
)

select * from vendor_records
