-- Accounts that a record may be one with, and why. One row per vendor, record and account.
with

accounts as (
    select * from {{ source('salesforce', 'account') }}
    where coalesce(try_cast(_fivetran_active as boolean), true)
),

vendor_records as (
    select * from {{ ref('vendor_records') }}
),

links as (
    select * from {{ source('own', 'links') }}
),

mail_domains as (
    select * from {{ ref('mail_domains') }}
),

forms as (
    select list(legal_form) as words from {{ ref('legal_forms') }}
),

account_keys as (
    select
        accounts.id as account_id,
        {{ domain_of('accounts.website') }} as domain,
        {{ name_key('accounts.name', 'forms.words') }} as name
    from accounts
    cross join forms
    where not {{ is_true('accounts.is_deleted') }}
),

record_domains as (
    select
        vendor,
        vendor_id,
        {{ domain_of('address') }} as domain
    from (
        select
            vendor,
            vendor_id,
            unnest(addresses) as address
        from vendor_records
    )
),

domain_matches as (
    select distinct
        record_domains.vendor,
        record_domains.vendor_id,
        account_keys.account_id
    from record_domains
    inner join account_keys
        on record_domains.domain = account_keys.domain
    where record_domains.domain not in (select mail_domains.mail_domain from mail_domains)
),

name_matches as (
    select
        vendor_records.vendor,
        vendor_records.vendor_id,
        account_keys.account_id
    from vendor_records
    cross join forms
    inner join account_keys
        on {{ name_key('vendor_records.record_name', 'forms.words') }} = account_keys.name
),

-- A deleted account counts where the record names it: it may be merged. An id of 18 characters may
-- be written with 15.
id_matches as (
    select
        vendor_records.vendor,
        vendor_records.vendor_id,
        accounts.id as account_id
    from vendor_records
    inner join accounts
        on vendor_records.stated_id in (accounts.id, left(accounts.id, 15))
),

candidates as (
    select
        vendor,
        vendor_id,
        account_id,
        'by hand' as evidence
    from links
    union all
    select
        vendor,
        vendor_id,
        account_id,
        'id' as evidence
    from id_matches
    union all
    select
        vendor,
        vendor_id,
        account_id,
        case
            when domain_matches.account_id is not null and name_matches.account_id is not null
                then 'domain and name'
            when domain_matches.account_id is not null then 'domain'
            else 'name'
        end as evidence
    from domain_matches
    full join name_matches using (vendor, vendor_id, account_id)
)

select * from candidates
