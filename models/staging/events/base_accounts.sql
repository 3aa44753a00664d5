-- Accounts that the CRM created, with the account that each lives on in after all merges. One row
-- per account as sent.
{{ config(materialized='table') }}

with

created_accounts as (
    select distinct account_id from {{ ref('base_events') }}
    where
        source = 'crm'
        and event_type = 'account_created'
        and reject_reason is null
        and account_id is not null
),

applied_merges as (
    select * from {{ ref('base_merges') }}
    where outcome = 'applied'
),

accounts as (
    select
        created_accounts.account_id as source_account_id,
        coalesce(applied_merges.surviving_account_id, created_accounts.account_id) as account_id
    from created_accounts
    left join applied_merges
        on created_accounts.account_id = applied_merges.account_id
)

select * from accounts
