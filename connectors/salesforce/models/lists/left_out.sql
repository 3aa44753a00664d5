-- Rows that become no event, counted. One row per table and reason.
with

accounts as (
    select * from {{ source('salesforce', 'account') }}
),

opportunities as (
    select * from {{ source('salesforce', 'opportunity') }}
),

rows_left_out as (
    select
        'account' as table_name,
        case
            when not coalesce(try_cast(_fivetran_active as boolean), true) then 'earlier version'
            else 'deleted and not merged'
        end as reason
    from accounts
    where
        not coalesce(try_cast(_fivetran_active as boolean), true)
        or ({{ is_true('is_deleted') }} and master_record_id is null)
    union all
    select
        'opportunity' as table_name,
        case
            when not coalesce(try_cast(_fivetran_active as boolean), true) then 'earlier version'
            else 'deleted'
        end as reason
    from opportunities
    where
        not coalesce(try_cast(_fivetran_active as boolean), true)
        or {{ is_true('is_deleted') }}
),

left_out as (
    select
        table_name,
        reason,
        count(*) as row_count
    from rows_left_out
    group by table_name, reason
)

select * from left_out
