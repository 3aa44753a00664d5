-- Raw rows of all five streams with trimmed texts, and the rows of files that cannot be read. One
-- row per raw row.
with

trimmed_rows as (
    {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] -%}
    select
        '{{ stream }}' as source,
        nullif({{ trimmed('event_id') }}, '') as event_id,
        nullif({{ trimmed('event_type') }}, '') as event_type,
        nullif({{ trimmed('account_id') }}, '') as account_id,
        nullif({{ trimmed('user_id') }}, '') as user_id,
        nullif({{ trimmed('payload') }}, '') as payload,
        occurred_at,
        loaded_at,
        cast(null as {{ dbt.type_string() }}) as read_problem
    from {{ source('raw', stream ~ '_events') }}
    union all
    {% endfor -%}
    select
        source,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as {{ dbt.type_string() }}) as event_type,
        cast(null as {{ dbt.type_string() }}) as account_id,
        cast(null as {{ dbt.type_string() }}) as user_id,
        cast(null as {{ dbt.type_string() }}) as payload,
        cast(null as timestamp) as occurred_at,
        cast(null as timestamp) as loaded_at,
        file || ', ' || place || ': ' || problem as read_problem
    from {{ source('builds', 'unreadable_rows') }}
),

rows_with_times as (
    select
        source,
        event_id,
        event_type,
        account_id,
        user_id,
        payload,
        read_problem,
        case when {{ is_of_this_age('occurred_at') }} then occurred_at end as occurred_at,
        loaded_at,
        cast(
            case
                when {{ is_of_this_age('loaded_at') }} then loaded_at
                else cast('9999-12-31' as timestamp)
            end as date
        ) as loaded_on,
        case
            when {{ is_of_this_age('occurred_at') }} and {{ is_of_this_age('loaded_at') }}
                then
                    occurred_at
                    > {{ add_time('loaded_at', var('clock_skew_minutes'), 'minute') }}
        end as is_future
    from trimmed_rows
)

select * from rows_with_times
