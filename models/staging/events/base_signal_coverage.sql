-- When each signal is observed. One row per signal and day on which all its subjects are observed,
-- over its whole window where the seed asks for that.
{{ config(materialized='table') }}

with

signals as (
    select
        signals.*,
        ';' || replace(signals.observed_by, '; ', ';') || ';' as subject_list
    from {{ ref('signals') }} as signals
),

subjects as (
    select distinct
        source,
        subject,
        source || case when subject = 'any' then '' else ' ' || subject end as subject_name
    from {{ ref('base_subjects') }}
),

coverage as (
    select * from {{ ref('base_coverage') }}
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
),

first_stretches as (
    select
        source,
        subject,
        min(observed_from) as observed_from
    from coverage
    group by source, subject
),

-- The subjects that a signal rests on. They are named in a list with a semicolon around each name:
-- a name is looked for with its semicolons, and there are as many subjects as semicolons, less 1.
signal_subjects as (
    select
        signals.signal,
        signals.observed_over,
        signals.window_days,
        length(signals.subject_list) - length(replace(signals.subject_list, ';', '')) - 1
            as subject_count,
        first_stretches.source,
        first_stretches.subject,
        first_stretches.observed_from
    from signals
    inner join subjects
        on {{ dbt.position("';' || subjects.subject_name || ';'", 'signals.subject_list') }} > 0
    inner join first_stretches
        on subjects.source = first_stretches.source and subjects.subject = first_stretches.subject
),

signal_days as (
    select
        signal_subjects.signal,
        signal_subjects.observed_over,
        signal_subjects.window_days,
        observed_days.date_day,
        max(observed_days.observed_since) as observed_since,
        max(signal_subjects.observed_from) as first_observed_on
    from signal_subjects
    inner join observed_days
        on
            signal_subjects.source = observed_days.source
            and signal_subjects.subject = observed_days.subject
    group by
        signal_subjects.signal,
        signal_subjects.observed_over,
        signal_subjects.window_days,
        signal_subjects.subject_count,
        observed_days.date_day
    having count(*) = signal_subjects.subject_count
),

signal_coverage as (
    select
        signal,
        date_day,
        observed_since,
        case
            when observed_over = 'life' then first_observed_on
            else cast('0001-01-01' as date)
        end as accounts_from
    from signal_days
    where
        coalesce(observed_over <> 'window', true)
        or observed_since <= {{ add_days('date_day', '1 - window_days') }}
)

select * from signal_coverage
