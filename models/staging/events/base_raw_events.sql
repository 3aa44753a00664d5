with

trimmed as (
    {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] -%}
    select
        '{{ stream }}' as source,
        nullif({{ trimmed('event_id') }}, '') as event_id,
        nullif({{ trimmed('event_type') }}, '') as event_type,
        nullif({{ trimmed('account_id') }}, '') as account_id,
        nullif({{ trimmed('user_id') }}, '') as user_id,
        nullif({{ trimmed('payload') }}, '') as payload,
        occurred_at,
        loaded_at
    from {{ source('raw', stream ~ '_events') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

clocked as (
    select
        trimmed.*,
        coalesce(cast(trimmed.loaded_at as date), cast('9999-12-31' as date)) as loaded_on,
        trimmed.occurred_at
        > {{ add_time('trimmed.loaded_at', var('clock_skew_minutes'), 'minute') }} as is_future
    from trimmed
)

select * from clocked
