{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

event_schemas as (
    select * from {{ ref('event_schemas') }}
),

event_types as (
    select distinct
        source,
        event_type
    from event_schemas
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

raw_events as (
    {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] -%}
    select
        '{{ stream }}' as source,
        nullif(trim(event_id), '') as event_id,
        nullif(trim(event_type), '') as event_type,
        nullif(trim(account_id), '') as account_id,
        nullif(trim(user_id), '') as user_id,
        nullif(trim(payload), '') as payload,
        occurred_at,
        loaded_at
    from {{ source('raw', stream ~ '_events') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

clocked as (
    select
        raw_events.*,
        raw_events.occurred_at
        > raw_events.loaded_at + interval {{ var('clock_skew_minutes') }} minute as is_future
    from raw_events
),

visible as (
    select
        clocked.*,
        row_number() over (
            partition by clocked.source, clocked.event_id
            order by
                clocked.loaded_at asc nulls last,
                clocked.occurred_at asc nulls last,
                clocked.event_type asc nulls last,
                clocked.account_id asc nulls last,
                clocked.user_id asc nulls last,
                clocked.payload asc nulls last
        ) as copy_number
    from clocked
    cross join build_moment
    where
        clocked.loaded_at is null
        or (
            clocked.loaded_at <= build_moment.known_at
            and (
                clocked.occurred_at is null
                or clocked.occurred_at < build_moment.as_of_ends_at
                or clocked.is_future
            )
        )
),

enveloped as (
    select
        visible.*,
        case
            when visible.event_id is null then 'missing_id'
            when visible.copy_number > 1 then 'duplicate_id'
            when
                visible.occurred_at is null
                or visible.loaded_at is null
                or visible.occurred_at < cast('{{ var("earliest_event_on") }}' as timestamp)
                then 'bad_time'
            when visible.is_future then 'future_time'
            when
                visible.payload is not null and not {{ is_json_object('visible.payload') }}
                then 'invalid_json'
            when
                visible.event_type is null
                or (visible.source <> 'product' and event_types.event_type is null)
                then 'unknown_type'
        end as envelope_problem
    from visible
    left join event_types
        on
            visible.source = event_types.source
            and visible.event_type = event_types.event_type
),

payload_values as (
    select
        enveloped.source,
        enveloped.event_id,
        event_schemas.payload_key,
        event_schemas.value_type,
        event_schemas.is_required,
        event_schemas.allowed_values,
        {{ json_text('enveloped.payload', 'event_schemas.payload_key') }} as payload_value
    from enveloped
    inner join event_schemas
        on
            enveloped.source = event_schemas.source
            and enveloped.event_type = event_schemas.event_type
    where enveloped.envelope_problem is null
),

typed_values as (
    select
        payload_values.*,
        case payload_values.value_type
            when 'number'
                then {{ try_cast_to('payload_values.payload_value', 'decimal(18, 6)') }} is not null
            when 'integer'
                then
                    {{ try_cast_to('payload_values.payload_value', 'decimal(18, 6)') }}
                    = {{ try_cast_to('payload_values.payload_value', 'bigint') }}
            when 'boolean' then lower(payload_values.payload_value) in ('true', 'false')
            when 'date'
                then {{ try_cast_to('payload_values.payload_value', 'date') }} is not null
            when 'timestamp'
                then {{ try_cast_to('payload_values.payload_value', 'timestamp') }} is not null
            when 'currency' then exchange_rates.currency is not null
            else true
        end as is_of_type,
        payload_values.allowed_values is null
        or (
            {{ dbt.position("'|'", 'payload_values.payload_value') }} = 0
            and {{ dbt.position(
                "'|' || payload_values.payload_value || '|'",
                "'|' || payload_values.allowed_values || '|'"
            ) }} > 0
        ) as is_allowed
    from payload_values
    left join exchange_rates
        on
            payload_values.value_type = 'currency'
            and payload_values.payload_value = exchange_rates.currency
),

payload_problems as (
    select
        source,
        event_id,
        min(
            case when payload_value is null then '1 missing_key ' else '2 mistyped_key ' end
            || payload_key
        ) as problem
    from typed_values
    where
        (is_required and payload_value is null)
        or (
            payload_value is not null
            and (not coalesce(is_of_type, false) or not is_allowed)
        )
    group by source, event_id
),

checked as (
    select
        enveloped.source,
        enveloped.event_id,
        enveloped.event_type,
        enveloped.account_id,
        enveloped.user_id,
        enveloped.payload,
        coalesce(
            enveloped.envelope_problem, split_part(payload_problems.problem, ' ', 2)
        ) as reject_reason,
        split_part(payload_problems.problem, ' ', 3) as rejected_key,
        enveloped.occurred_at,
        enveloped.loaded_at
    from enveloped
    left join payload_problems
        on
            enveloped.envelope_problem is null
            and enveloped.source = payload_problems.source
            and enveloped.event_id = payload_problems.event_id
)

select * from checked
