-- The account of each organisation: the crosswalk's, else its external id, else itself, which the
-- house refuses as no_account and counts. One row per organisation.
with

organizations as (
    select * from {{ source('zendesk', 'organization') }}
),

links as (
    select * from {{ source('crosswalk', 'crosswalk_links0') }}
    where vendor = 'zendesk'
),

organization_accounts as (
    select
        organizations.id as organization_id,
        coalesce(links.account_id, organizations.external_id, organizations.id) as account_id
    from organizations
    left join links
        on organizations.id = links.vendor_id
)

select * from organization_accounts
