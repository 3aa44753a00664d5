-- Coverage that incremental rows rest on, as text entries to compare with those of the next build.
-- One row per entry.
{{ config(materialized='table') }}

with

coverage as (
    select * from {{ ref('base_coverage') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
),

-- Only subjects that a signal or milestone uses affect kept rows.
subjects as (
    select distinct
        source,
        subject
    from {{ ref('base_subjects') }}
    where is_used
),

used_coverage as (
    select coverage.*
    from coverage
    inner join subjects
        on coverage.source = subjects.source and coverage.subject = subjects.subject
),

entries as (
    select
        source,
        'from' as kind,
        observed_from as date_day,
        source || ' ' || subject || ' from '
        || cast(observed_from as {{ dbt.type_string() }}) as entry
    from used_coverage
    union all
    select
        source,
        'until' as kind,
        {{ add_days('observed_until', 1) }} as date_day,
        source || ' ' || subject || ' until '
        || cast(observed_until as {{ dbt.type_string() }}) as entry
    from used_coverage
    where observed_until is not null
    union all
    select
        source,
        'complete' as kind,
        complete_through as date_day,
        source || ' complete through '
        || cast(complete_through as {{ dbt.type_string() }}) as entry
    from watermarks
    where complete_through is not null
    union all
    -- Breaches of unanswered tickets depend on the exact moment up to which support is heard.
    select
        'support replies' as source,
        'complete' as kind,
        {{ add_days(day_of('heard_until'), -1) }} as date_day,
        'support replies complete through '
        || cast({{ add_days(day_of('heard_until'), -1) }} as {{ dbt.type_string() }})
        || ' and microsecond '
        || cast(
            {{ microseconds_between("cast('1970-01-01' as timestamp)", 'heard_until') }}
            as {{ dbt.type_string() }}
        ) as entry
    from watermarks
    where source = 'support' and heard_until is not null
)

select * from entries
