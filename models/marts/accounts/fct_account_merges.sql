with

base_merges as (
    select * from {{ ref('base_merges') }}
),

final as (
    select
        event_id,
        account_id,
        into_account_id,
        outcome,
        surviving_account_id,
        occurred_at,
        loaded_at
    from base_merges
)

select * from final
