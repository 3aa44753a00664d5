-- Contradictions within the seeds that all rooms share, and revenue, monitoring and validation,
-- which the checks of single cells (column_problems) cannot find. One row per problem.
with

event_schemas as (
    select * from {{ ref('event_schemas') }}
),

event_types as (
    select * from {{ ref('event_types') }}
),

signals as (
    select * from {{ ref('signals') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

sla_targets as (
    select * from {{ ref('sla_targets') }}
),

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

coverage_rules as (
    select * from {{ ref('coverage_rules') }}
),

excluded_days as (
    select * from {{ ref('excluded_days') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

lift_targets as (
    select * from {{ ref('lift_targets') }}
),

timezones as (
    select * from {{ ref('timezones') }}
),

named_timezones as (
    select
        'company_timezone' as variable,
        '{{ var("company_timezone") }}' as timezone
    union all
    select
        'default_timezone' as variable,
        '{{ var("default_timezone") }}' as timezone
),

computed_signals as (
    {% for signal in signal_columns() -%}
    select '{{ signal }}' as signal
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Bounds within which thousands of documents can be summed and annualised, and dates that every
-- engine knows.
payload_bounds as (
    select
        'shared/event_schemas.csv' as file_path,
        'source ' || source || ', event_type ' || event_type || ', payload_key ' || payload_key
            as row_key,
        case
            when value_type = 'date'
                then
                    coalesce(
                        {{ try_cast_to('min_value', 'date') }} >= cast('1900-01-01' as date)
                        and {{ try_cast_to('max_value', 'date') }} <= cast('2199-12-31' as date)
                        and min_value <= max_value
                        and length(min_value) = 10
                        and length(max_value) = 10, false
                    )
            else
                coalesce(
                    {{ try_cast_to('min_value', 'decimal(18, 6)') }} >= -100000000000
                    and {{ try_cast_to('max_value', 'decimal(18, 6)') }} <= 100000000000
                    and {{ try_cast_to('min_value', 'decimal(18, 6)') }}
                    <= {{ try_cast_to('max_value', 'decimal(18, 6)') }}, false
                )
        end as is_sound
    from event_schemas
    where value_type in ('number', 'integer', 'date')
),

problems as (
    select
        file_path,
        row_key,
        'min_value and max_value are no bounds of its value_type.' as problem,
        'Use days from 1900-01-01 to 2199-12-31, or numbers from -100000000000 to 100000000000, '
        || 'the lower one first.' as remedy
    from payload_bounds
    where not is_sound
    union all
    select distinct
        'shared/event_schemas.csv' as file_path,
        'source ' || event_schemas.source || ', event_type ' || event_schemas.event_type
            as row_key,
        'the stream has no such event type in event_types.csv.' as problem,
        'Add a row there, or correct source.' as remedy
    from event_schemas
    left join event_types
        on
            event_schemas.source = event_types.source
            and event_schemas.event_type = event_types.event_type
    where event_types.event_type is null
    union all
    select
        'shared/event_types.csv' as file_path,
        'source ' || event_types.source || ', event_type ' || event_types.event_type as row_key,
        'event_schemas.csv has no row of it' || coalesce(
            ' that requires ' || event_types.document_key, ''
        ) || '.' as problem,
        'Add one there.' as remedy
    from event_types
    left join event_schemas
        on
            event_types.source = event_schemas.source
            and event_types.event_type = event_schemas.event_type
            and (
                event_types.document_key is null
                or (
                    event_types.document_key = event_schemas.payload_key
                    and event_schemas.is_required
                )
            )
    where event_schemas.event_type is null
    union all
    select
        'shared/event_types.csv' as file_path,
        'document_key ' || document_key as row_key,
        'no event type begins such a document.' as problem,
        'Set begins_document to true on one row.' as remedy
    from event_types
    where document_key is not null
    group by source, document_key
    having sum(case when begins_document then 1 else 0 end) = 0
    union all
    select
        'shared/event_types.csv' as file_path,
        'source ' || source || ', event_type ' || event_type as row_key,
        'it begins a document and document_key is blank.' as problem,
        'Name the key, or set begins_document to false.' as remedy
    from event_types
    where begins_document and document_key is null
    union all
    select
        'shared/signals.csv' as file_path,
        'signal ' || computed_signals.signal as row_key,
        'the signal has no row.' as problem,
        'Add one.' as remedy
    from computed_signals
    left join signals
        on computed_signals.signal = signals.signal
    where signals.signal is null
    union all
    select
        'shared/signals.csv' as file_path,
        'signal ' || signals.signal as row_key,
        'no model computes the signal.' as problem,
        'Remove the row, or add the signal to macros/signal_value.sql and its models.' as remedy
    from signals
    left join computed_signals
        on signals.signal = computed_signals.signal
    where computed_signals.signal is null
    union all
    select
        'shared/size_classes.csv' as file_path,
        'segment with min_seats 0 and min_arr 0' as row_key,
        'exactly one class must start at zero.' as problem,
        'Add or remove one.' as remedy
    from size_classes
    having coalesce(sum(case when min_seats = 0 and min_arr = 0 then 1 else 0 end), 0) <> 1
    union all
    select
        'shared/size_classes.csv' as file_path,
        'segment ' || segment as row_key,
        'any means every segment.' as problem,
        'Choose another name.' as remedy
    from size_classes
    where segment = 'any'
    union all
    select
        'shared/sla_targets.csv' as file_path,
        'column is_default' as row_key,
        'exactly one priority must be the default.' as problem,
        'Set is_default to true on one row.' as remedy
    from sla_targets
    having coalesce(sum(case when is_default then 1 else 0 end), 0) <> 1
    union all
    select
        'shared/survey_scales.csv' as file_path,
        'kind ' || kind as row_key,
        'a limit lies above the scale.' as problem,
        'Let detractor_highest, promoter_lowest, dropped_from and satisfied_lowest go from lowest '
        || 'to highest.' as remedy
    from survey_scales
    where
        detractor_highest > highest
        or promoter_lowest > highest
        or dropped_from > highest
        or satisfied_lowest > highest
    union all
    select
        'monitoring/coverage_rules.csv' as file_path,
        'source ' || source as row_key,
        'no row of subject any says the rule of the other subjects.' as problem,
        'Add one.' as remedy
    from coverage_rules
    group by source
    having sum(case when subject = 'any' then 1 else 0 end) = 0
    union all
    select
        'monitoring/excluded_days.csv' as file_path,
        'event_type ' || excluded_days.event_type as row_key,
        'only product events can be taken out, and this is one of another stream.' as problem,
        'Name a product event, or any.' as remedy
    from excluded_days
    where excluded_days.event_type in (select event_schemas.event_type from event_schemas)
    union all
    select
        'validation/validation_horizons.csv' as file_path,
        'horizon_days ' || cast(horizon_days as {{ dbt.type_string() }}) as row_key,
        'train_share and validation_share leave nothing for the holdout.' as problem,
        'Let them sum to less than 1.' as remedy
    from validation_horizons
    where train_share + validation_share >= 1
    union all
    select
        'validation/lift_targets.csv' as file_path,
        'the buckets' as row_key,
        'they do not count from 1 without a gap.' as problem,
        'Number the rows 1, 2, 3 and so on.' as remedy
    from lift_targets
    having max(bucket) <> count(*)
    union all
    select
        'validation/lift_targets.csv' as file_path,
        'the lifts' as row_key,
        'they ask for more churners than there are, or for fewer.' as problem,
        'Let the lifts sum to the number of buckets, or to no more where some are blank.' as remedy
    from lift_targets
    having
        sum(published_lift) > count(*)
        or (count(published_lift) = count(*) and sum(published_lift) <> count(*))
    union all
    select
        'shared/timezones.csv' as file_path,
        'the var ' || named_timezones.variable as row_key,
        'unknown timezone ' || named_timezones.timezone || '.' as problem,
        'Use a name of timezones.csv.' as remedy
    from named_timezones
    left join timezones
        on named_timezones.timezone = timezones.timezone
    where timezones.timezone is null
)

select * from problems
