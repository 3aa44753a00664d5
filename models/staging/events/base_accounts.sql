{{ config(materialized='table') }}

with

events as (
    select * from {{ ref('base_events') }}
    where source = 'crm' and reject_reason is null
),

created as (
    select distinct account_id from events
    where event_type = 'account_created' and account_id is not null
),

account_merges as (
    select
        account_id,
        {{ json_text('payload', "'into_account_id'") }} as into_account_id,
        occurred_at,
        loaded_at,
        event_id
    from events
    where event_type = 'account_merged'
),

known_merges as (
    select
        account_merges.account_id,
        account_merges.into_account_id,
        row_number() over (
            partition by account_merges.account_id
            order by
                account_merges.occurred_at desc,
                account_merges.loaded_at desc,
                account_merges.event_id desc
        ) as recency
    from account_merges
    inner join created
        on account_merges.into_account_id = created.account_id
),

one_step as (
    select
        created.account_id,
        coalesce(known_merges.into_account_id, created.account_id) as next_account_id,
        known_merges.account_id is not null as is_merged
    from created
    left join known_merges
        on created.account_id = known_merges.account_id and known_merges.recency = 1
),

two_steps as (
    select
        nearer.account_id,
        farther.next_account_id
    from one_step as nearer
    inner join one_step as farther
        on nearer.next_account_id = farther.account_id
),

four_steps as (
    select
        nearer.account_id,
        farther.next_account_id
    from two_steps as nearer
    inner join two_steps as farther
        on nearer.next_account_id = farther.account_id
),

eight_steps as (
    select
        nearer.account_id,
        farther.next_account_id
    from four_steps as nearer
    inner join four_steps as farther
        on nearer.next_account_id = farther.account_id
),

sixteen_steps as (
    select
        nearer.account_id,
        farther.next_account_id
    from eight_steps as nearer
    inner join eight_steps as farther
        on nearer.next_account_id = farther.account_id
),

circles as (
    select
        'crm events, account_merged of ' || min(one_step.account_id)
        || ': the merges run in a circle or through more than 16 accounts. '
        || 'Send an account_merged event that points to the account that survives.' as message
    from sixteen_steps
    inner join one_step
        on sixteen_steps.next_account_id = one_step.account_id
    where one_step.is_merged
),

surviving as (
    select
        sixteen_steps.account_id as source_account_id,
        sixteen_steps.next_account_id as account_id
    from sixteen_steps
    cross join circles
    where
        case
            when circles.message is null then true
            else {{ raise_error('circles.message') }}
        end
)

select * from surviving
