{%- set raw_events = ref('base_raw_events') -%}
{%- set new_events = 'new_events' if is_incremental() else ref('base_visible_events') -%}

-- Every visible raw event with the first reason to reject it, or none. One row per raw row.
-- Incremental: only loads after the kept ones are judged. The reason no_account is added later, in
-- base_resolved_events.
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

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

schemas_with_bounds as (
    select
        event_schemas.*,
        {{ try_cast_to('min_value', 'decimal(18, 6)') }} as lowest,
        {{ try_cast_to('max_value', 'decimal(18, 6)') }} as highest,
        {{ try_cast_to('min_value', 'date') }} as first_day,
        {{ try_cast_to('max_value', 'date') }} as last_day
    from event_schemas
),

{% if is_incremental() -%}
new_loads as (
    select coalesce({{ add_days('max(loaded_on)', 1) }}, cast('0001-01-01' as date)) as first_on
    from {{ this }}
    where loaded_on < cast('9999-12-31' as date)
),

-- The filter stands next to the scan, so that earlier loads are not read at all.
new_rows as (
    select * from {{ raw_events }}
    where
        loaded_at >= (select cast(new_loads.first_on as timestamp) from new_loads)
        and loaded_on < cast('9999-12-31' as date)
    union all
    select * from {{ raw_events }}
    where
        loaded_on = cast('9999-12-31' as date)
        and not exists (
            select 1 from {{ this }} as kept_events
            where kept_events.loaded_on = cast('9999-12-31' as date)
        )
),

new_events as (
    select raw_events.*
    from new_rows as raw_events
    cross join build_moment
    where {{ is_visible() }}
),

-- The many kept ids are looked up by the hashes of the few new ones. A hash collision does no harm
-- here.
new_hashes as (
    select {{ hash_of('event_id') }} as id_hash
    from new_events
    group by {{ hash_of('event_id') }}
),

kept_ids as (
    select distinct
        kept_events.source,
        kept_events.event_id
    from {{ this }} as kept_events
    inner join new_hashes
        on {{ hash_of('kept_events.event_id') }} = new_hashes.id_hash
),
{%- endif %}

-- Duplicates are rare: a hash finds the repeated ids, and only those rows are sorted. The first
-- load of an id is kept, later ones are copies.
repeated_hashes as (
    select {{ hash_of('raw_events.event_id') }} as id_hash
    from {{ new_events }} as raw_events
    where raw_events.event_id is not null
    group by {{ hash_of('raw_events.event_id') }}
    having count(*) > 1
    {% if is_incremental() -%}
    union distinct
    select {{ hash_of('event_id') }} as id_hash from kept_ids
    {%- endif %}
),

single_events as (
    select
        raw_events.*,
        false as is_copy
    from {{ new_events }} as raw_events
    left join repeated_hashes
        on {{ hash_of('raw_events.event_id') }} = repeated_hashes.id_hash
    where repeated_hashes.id_hash is null
),

repeated_events as (
    select
        raw_events.*,
        {% if is_incremental() -%} kept_ids.event_id is not null or {% endif -%}
        row_number() over (
            partition by raw_events.source, raw_events.event_id
            order by
                case
                    when {{ is_of_this_age('raw_events.loaded_at') }} then raw_events.loaded_at
                end asc nulls last,
                raw_events.occurred_at asc nulls last,
                raw_events.event_type asc nulls last,
                raw_events.account_id asc nulls last,
                raw_events.user_id asc nulls last,
                raw_events.payload asc nulls last
        ) > 1 as is_copy
    from {{ new_events }} as raw_events
    inner join repeated_hashes
        on {{ hash_of('raw_events.event_id') }} = repeated_hashes.id_hash
    {% if is_incremental() -%}
    left join kept_ids
        on raw_events.source = kept_ids.source and raw_events.event_id = kept_ids.event_id
    {%- endif %}
),

events as (
    select * from single_events
    union all
    select * from repeated_events
),

-- One row per event and key of its schema, for all streams but product.
payload_values as (
    select
        raw_events.source,
        raw_events.event_type,
        raw_events.payload,
        schemas_with_bounds.payload_key,
        schemas_with_bounds.value_type,
        schemas_with_bounds.is_required,
        case
            when schemas_with_bounds.unless_key is not null
                then {{ json_text('raw_events.payload', 'schemas_with_bounds.unless_key') }}
        end as value_instead,
        schemas_with_bounds.allowed_values,
        schemas_with_bounds.lowest,
        schemas_with_bounds.highest,
        schemas_with_bounds.first_day,
        schemas_with_bounds.last_day,
        {{ json_text('raw_events.payload', 'schemas_with_bounds.payload_key') }} as payload_value,
        case
            when raw_events.source = 'survey' and schemas_with_bounds.payload_key = 'score'
                then {{ json_text('raw_events.payload', "'kind'") }}
        end as score_kind,
        case
            when schemas_with_bounds.is_money
                then {{ json_text('raw_events.payload', "'currency'") }}
        end as money_currency
    from {{ new_events }} as raw_events
    inner join schemas_with_bounds
        on
            raw_events.source = schemas_with_bounds.source
            and raw_events.event_type = schemas_with_bounds.event_type
    where
        raw_events.source <> 'product'
        and {{ is_json_object("coalesce(raw_events.payload, '{}')") }}
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
        or {{ is_listed('payload_values.payload_value', 'payload_values.allowed_values') }}
            as is_allowed,
        case
            when payload_values.value_type in ('number', 'integer')
                then
                    {{ as_double(try_cast_to('payload_values.payload_value', 'decimal(18, 6)')) }}
                    * coalesce(money_rates.rate_to_reporting_currency, 1)
                    between coalesce(survey_scales.lowest, payload_values.lowest)
                    and coalesce(survey_scales.highest, payload_values.highest)
            when payload_values.value_type = 'date'
                then
                    {{ try_cast_to('payload_values.payload_value', 'date') }}
                    between payload_values.first_day and payload_values.last_day
        end as is_within
    from payload_values
    left join exchange_rates
        on
            case when payload_values.value_type = 'currency' then payload_values.payload_value end
            = exchange_rates.currency
    left join exchange_rates as money_rates
        on payload_values.money_currency = money_rates.currency
    left join survey_scales
        on payload_values.score_kind = survey_scales.kind
),

-- The first problem by kind (missing before mistyped) and key.
payload_problems as (
    select
        source,
        event_type,
        coalesce(payload, '') as payload,
        min(
            case when payload_value is null then '1 missing_key ' else '2 mistyped_key ' end
            || payload_key
        ) as problem
    from typed_values
    where
        (is_required and payload_value is null and value_instead is null)
        or (
            payload_value is not null
            and (not coalesce(is_of_type, false) or not is_allowed or not coalesce(is_within, true))
        )
    group by source, event_type, coalesce(payload, '')
),

first_reasons as (
    select
        events.*,
        build_moment.build_number,
        payload_problems.problem,
        case
            when events.read_problem is not null then 'unreadable'
            when events.event_id is null then 'missing_id'
            when events.is_copy then 'duplicate_id'
            when
                events.occurred_at is null
                or events.loaded_on = cast('9999-12-31' as date)
                or events.occurred_at
                < {{ day_starts_at("cast('" ~ var('earliest_event_on') ~ "' as date)") }}
                then 'bad_time'
            when events.loaded_at > build_moment.latest_load_at then 'future_load'
            when events.is_future then 'future_time'
            when
                events.payload is not null and not {{ is_json_object('events.payload') }}
                then 'invalid_json'
            when
                events.event_type is null
                or (events.source <> 'product' and event_types.event_type is null)
                then 'unknown_type'
            when payload_problems.problem like '1 %' then 'missing_key'
            when payload_problems.problem like '2 %' then 'mistyped_key'
        end as reject_reason
    from events
    cross join build_moment
    left join event_types
        on
            events.source = event_types.source
            and events.event_type = event_types.event_type
    left join payload_problems
        on
            events.source = payload_problems.source
            and events.event_type = payload_problems.event_type
            and coalesce(events.payload, '') = payload_problems.payload
),

final as (
    select
        first_reasons.source,
        first_reasons.event_id,
        first_reasons.event_type,
        first_reasons.account_id,
        first_reasons.user_id,
        case when first_reasons.source <> 'product' then first_reasons.payload end as payload,
        first_reasons.reject_reason,
        case
            when first_reasons.reject_reason in ('missing_key', 'mistyped_key')
                then substr(first_reasons.problem, length(first_reasons.reject_reason) + 4)
        end as rejected_key,
        first_reasons.read_problem,
        first_reasons.occurred_at,
        case
            when first_reasons.loaded_on < cast('9999-12-31' as date) then first_reasons.loaded_at
        end as loaded_at,
        first_reasons.loaded_on,
        first_reasons.build_number
    from first_reasons
)

select * from final
