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

merges as (
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
        merges.account_id,
        merges.into_account_id,
        row_number() over (
            partition by merges.account_id
            order by merges.occurred_at desc, merges.loaded_at desc, merges.event_id desc
        ) as recency
    from merges
    inner join created
        on merges.into_account_id = created.account_id
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

{% for steps in [2, 4, 8, 16] -%}
{{ {2: 'two', 4: 'four', 8: 'eight', 16: 'sixteen'}[steps] }}_steps as (
    select
        step.account_id,
        onward.next_account_id,
        step.is_merged
    from {{ {2: 'one_step', 4: 'two_steps', 8: 'four_steps', 16: 'eight_steps'}[steps] }} as step
    inner join {{ {2: 'one_step', 4: 'two_steps', 8: 'four_steps', 16: 'eight_steps'}[steps] }} as onward
        on step.next_account_id = onward.account_id
),

{% endfor -%}

circles as (
    select min(one_step.account_id) as account_id
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
            when circles.account_id is null then true
            else {{ raise_error(
                "'crm events, account_merged of ' || circles.account_id || ': the merges run in a circle or '"
                ~ " || 'through more than 16 accounts. Send an account_merged event that points to the account '"
                ~ " || 'that survives.'"
            ) }}
        end
)

select * from surviving
