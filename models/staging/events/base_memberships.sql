-- Accounts of each contact over time. One row per user, account and half-open interval
-- [member_from, member_to).
{{ config(materialized='table') }}

with

contacts as (
    select
        user_id,
        account_id as source_account_id,
        event_type,
        {{ json_text('payload', "'persona'") }} as persona,
        event_id,
        occurred_at,
        loaded_at
    from {{ ref('base_events') }}
    where
        source = 'crm'
        and event_type in ('contact_added', 'contact_removed')
        and reject_reason is null
        and user_id is not null
        and account_id is not null
),

accounts as (
    select * from {{ ref('base_accounts') }}
),

business_order as (
    select * from {{ ref('event_types') }}
    where source = 'crm'
),

-- lead: a link lasts until the next contact event of the same user and account.
contacts_with_next as (
    select
        contacts.user_id,
        contacts.source_account_id,
        contacts.event_type,
        contacts.persona,
        contacts.occurred_at as added_at,
        lead(contacts.occurred_at, 1, cast('9999-12-31' as timestamp)) over (
            partition by contacts.user_id, contacts.source_account_id
            order by
                {{ dbt.date_trunc('second', 'contacts.occurred_at') }},
                business_order.business_order,
                contacts.occurred_at,
                contacts.loaded_at,
                contacts.event_id
        ) as ended_at,
        row_number() over (
            partition by contacts.user_id
            order by contacts.occurred_at, contacts.loaded_at, contacts.event_id
        ) as contact_number
    from contacts
    inner join business_order
        on contacts.event_type = business_order.event_type
),

links as (
    select * from contacts_with_next
    where event_type = 'contact_added' and added_at < ended_at
),

-- Interval splitting: between two neighbouring moments the set of open links is constant.
moments as (
    select user_id, added_at as moment from links
    union distinct
    select user_id, ended_at as moment from links
),

stretches as (
    select
        user_id,
        moment as member_from,
        lead(moment) over (partition by user_id order by moment) as member_to
    from moments
),

open_links as (
    select
        stretches.user_id,
        links.source_account_id,
        links.persona,
        stretches.member_from,
        stretches.member_to,
        row_number() over (
            partition by stretches.user_id, stretches.member_from
            order by links.contact_number desc
        ) as recency
    from stretches
    inner join links
        on
            stretches.user_id = links.user_id
            and stretches.member_from >= links.added_at
            and stretches.member_to <= links.ended_at
),

resolved_links as (
    select
        open_links.*,
        accounts.account_id,
        row_number() over (
            partition by open_links.user_id, open_links.member_from, accounts.account_id
            order by open_links.recency
        ) as recency_at_account
    from open_links
    inner join accounts
        on open_links.source_account_id = accounts.source_account_id
),

memberships as (
    select
        user_id,
        account_id,
        persona,
        recency = 1 as is_last_added,
        member_from,
        member_to
    from resolved_links
    where recency_at_account = 1
)

select * from memberships
