-- Accounts, merges, contacts and opportunities as CRM events. One row per event.
with

accounts as (
    select * from {{ source('salesforce', 'account') }}
    where coalesce(try_cast(_fivetran_active as boolean), true)
),

contacts as (
    select * from {{ source('salesforce', 'contact') }}
    where coalesce(try_cast(_fivetran_active as boolean), true)
),

owners as (
    select * from {{ source('salesforce', 'user') }}
),

people as (
    select * from {{ source('crosswalk', 'crosswalk_people0') }}
),

opportunity_versions as (
    select * from {{ ref('opportunity_versions') }}
),

opportunity_kinds as (
    select * from {{ ref('opportunity_kinds') }}
),

-- A deleted account without a master was a mistake: what others send for it is refused and counted.
created as (
    select
        accounts.id || '-created' as event_id,
        'account_created' as event_type,
        accounts.id as account_id,
        cast(null as varchar) as user_id,
        coalesce(
            {{ moment('accounts.created_date') }}, {{ moment('accounts._fivetran_synced') }}
        ) as occurred_at,
        json_object(
            'name', accounts.name,
            'industry', accounts.industry,
            'country', accounts.billing_country,
            'employees', try_cast(accounts.number_of_employees as integer),
            'owner', coalesce(owners.name, accounts.owner_id),
            'parent_account_id', accounts.parent_id,
            'product_category',
            coalesce(accounts.product_category, '{{ var('default_product_category') }}'),
            'plan', accounts.plan
        ) as payload
    from accounts
    left join owners
        on accounts.owner_id = owners.id
    where not {{ is_true('accounts.is_deleted') }} or accounts.master_record_id is not null
),

merged as (
    select
        id || '-merged' as event_id,
        'account_merged' as event_type,
        id as account_id,
        cast(null as varchar) as user_id,
        coalesce({{ moment('last_modified_date') }}, {{ moment('_fivetran_synced') }})
            as occurred_at,
        json_object('into_account_id', master_record_id) as payload
    from accounts
    where {{ is_true('is_deleted') }} and master_record_id is not null
),

people_of_accounts as (
    select
        contacts.id as contact_id,
        contacts.account_id,
        coalesce(people.user_id, contacts.id) as user_id,
        contacts.email,
        contacts.persona,
        {{ is_true('contacts.is_deleted') }} as is_deleted,
        coalesce(
            {{ moment('contacts.created_date') }}, {{ moment('contacts._fivetran_synced') }}
        ) as created_at,
        coalesce(
            {{ moment('contacts.last_modified_date') }}, {{ moment('contacts._fivetran_synced') }}
        ) as removed_at
    from contacts
    left join people
        on contacts.id = people.contact_id
),

added as (
    select
        contact_id || '-added' as event_id,
        'contact_added' as event_type,
        account_id,
        user_id,
        created_at as occurred_at,
        json_object('email', email, 'persona', persona) as payload
    from people_of_accounts
),

removed as (
    select
        contact_id || '-removed' as event_id,
        'contact_removed' as event_type,
        account_id,
        user_id,
        removed_at as occurred_at,
        json_object('email', email, 'persona', persona) as payload
    from people_of_accounts
    where is_deleted
),

opportunities as (
    select
        opportunity_versions.opportunity_id || '-' || opportunity_versions.version_number
            as event_id,
        'opportunity_stage_changed' as event_type,
        opportunity_versions.account_id,
        cast(null as varchar) as user_id,
        opportunity_versions.happens_at as occurred_at,
        json_object(
            'opportunity_id', opportunity_versions.opportunity_id,
            'kind', opportunity_kinds.kind,
            'stage',
            regexp_replace(lower(trim(opportunity_versions.stage_name)), '[^a-z0-9]+', '_', 'g'),
            'amount', opportunity_versions.amount,
            'currency', coalesce(opportunity_versions.currency, '{{ var('default_currency') }}'),
            'close_date', opportunity_versions.closes_on
        ) as payload
    from opportunity_versions
    left join opportunity_kinds
        on opportunity_versions.opportunity_type = opportunity_kinds.opportunity_type
),

unioned as (
    select * from created
    union all
    select * from merged
    union all
    select * from added
    union all
    select * from removed
    union all
    select * from opportunities
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        user_id,
        occurred_at,
        occurred_at as loaded_at,
        cast(payload as varchar) as payload
    from unioned
)

select * from enveloped
