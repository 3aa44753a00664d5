-- All accepted account_merged events with their outcome. One row per event. A recursive walk along
-- the merges finds the surviving account.
{{ config(materialized='table') }}

with recursive

events as (
    select * from {{ ref('base_events') }}
    where source = 'crm' and reject_reason is null
),

created_accounts as (
    select distinct account_id from events
    where event_type = 'account_created' and account_id is not null
),

merge_events as (
    select
        event_id,
        account_id,
        {{ json_text('payload', "'into_account_id'") }} as into_account_id,
        occurred_at,
        loaded_at
    from events
    where event_type = 'account_merged'
),

possible_merges as (
    select
        merge_events.event_id,
        merge_events.account_id,
        merge_events.into_account_id,
        row_number() over (
            order by merge_events.occurred_at, merge_events.loaded_at, merge_events.event_id
        ) as merge_number,
        row_number() over (
            partition by merge_events.account_id
            order by
                merge_events.occurred_at desc,
                merge_events.loaded_at desc,
                merge_events.event_id desc
        ) as recency
    from merge_events
    inner join created_accounts
        on merge_events.account_id = created_accounts.account_id
    inner join created_accounts as into_created
        on merge_events.into_account_id = into_created.account_id
    where merge_events.account_id <> merge_events.into_account_id
),

latest_merges as (
    select
        event_id,
        account_id,
        into_account_id,
        merge_number
    from possible_merges
    where recency = 1
),

-- Walk along the merges. A walk that gets one step beyond the limit of 64 is too long.
walks as (
    select
        account_id,
        merge_number,
        1 as step,
        into_account_id as reached_account_id
    from latest_merges
    union all
    select
        walks.account_id,
        latest_merges.merge_number,
        walks.step + 1 as step,
        latest_merges.into_account_id as reached_account_id
    from walks
    inner join latest_merges
        on walks.reached_account_id = latest_merges.account_id
    where walks.step < 65 and walks.reached_account_id <> walks.account_id
),

circles as (
    select distinct account_id from walks
    where reached_account_id = account_id and step <= 64
),

last_of_circles as (
    select max(walks.merge_number) as merge_number
    from walks
    inner join circles
        on walks.account_id = circles.account_id
    group by walks.account_id
),

-- In a circle, the target of the last merge survives.
survivors_of_circles as (
    select distinct latest_merges.into_account_id as account_id
    from latest_merges
    inner join last_of_circles
        on latest_merges.merge_number = last_of_circles.merge_number
),

-- The nearest account on the walk that is not merged away itself.
ends as (
    select
        walks.account_id,
        min(walks.step) as step
    from walks
    left join latest_merges
        on walks.reached_account_id = latest_merges.account_id
    left join survivors_of_circles
        on walks.reached_account_id = survivors_of_circles.account_id
    where
        walks.step <= 64
        and (latest_merges.account_id is null or survivors_of_circles.account_id is not null)
    group by walks.account_id
),

merges_with_outcome as (
    select
        merge_events.event_id,
        merge_events.account_id,
        merge_events.into_account_id,
        case
            when merge_events.account_id = merge_events.into_account_id then 'itself'
            when possible_merges.event_id is null then 'unknown_account'
            when possible_merges.recency > 1 then 'superseded'
            when survivors_of_circles.account_id is not null then 'reversed'
            when ends.step is null then 'too_long'
            else 'applied'
        end as outcome,
        walks.reached_account_id,
        merge_events.occurred_at,
        merge_events.loaded_at
    from merge_events
    left join possible_merges
        on merge_events.event_id = possible_merges.event_id
    left join survivors_of_circles
        on merge_events.account_id = survivors_of_circles.account_id
    left join ends
        on merge_events.account_id = ends.account_id
    left join walks
        on ends.account_id = walks.account_id and ends.step = walks.step
),

final as (
    select
        event_id,
        account_id,
        into_account_id,
        outcome,
        case when outcome = 'applied' then reached_account_id end as surviving_account_id,
        occurred_at,
        loaded_at
    from merges_with_outcome
)

select * from final
