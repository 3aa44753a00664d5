{{ config(materialized='table') }}

with

events as (
    select * from {{ ref('base_events') }}
    where
        source = 'crm'
        and event_type in ('contact_added', 'contact_removed')
        and reject_reason is null
        and user_id is not null
),

accounts as (
    select * from {{ ref('base_accounts') }}
),

ordered as (
    select
        user_id,
        account_id as source_account_id,
        event_type,
        {{ json_text('payload', "'persona'") }} as persona,
        occurred_at as member_from,
        lead(occurred_at, 1, cast('9999-12-31' as timestamp)) over (
            partition by user_id order by occurred_at, loaded_at, event_id
        ) as member_to
    from events
),

memberships as (
    select
        ordered.user_id,
        accounts.account_id,
        ordered.persona,
        ordered.member_from,
        ordered.member_to
    from ordered
    inner join accounts
        on ordered.source_account_id = accounts.source_account_id
    where ordered.event_type = 'contact_added'
)

select * from memberships
