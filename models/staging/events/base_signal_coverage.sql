-- When each signal is observed. One row per signal and day on which all its subjects are observed,
-- over its whole window where the seed asks for that.
{{ config(materialized='table') }}

with

signals as (
    select
        signals.*,
        ';' || replace(signals.observed_by, '; ', ';') || ';' as subjects
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

observers as (
    select
        signals.signal,
        signals.observed_over,
        signals.window_days,
        length(signals.subjects) - length(replace(signals.subjects, ';', '')) - 1 as subject_count,
        first_stretches.source,
        first_stretches.subject,
        first_stretches.observed_from
    from signals
    inner join subjects
        on {{ dbt.position("';' || subjects.subject_name || ';'", 'signals.subjects') }} > 0
    inner join first_stretches
        on subjects.source = first_stretches.source and subjects.subject = first_stretches.subject
),

signal_days as (
    select
        observers.signal,
        observers.observed_over,
        observers.window_days,
        observed_days.date_day,
        max(observed_days.observed_since) as observed_since,
        max(observers.observed_from) as first_observed_on
    from observers
    inner join observed_days
        on
            observers.source = observed_days.source
            and observers.subject = observed_days.subject
    group by
        observers.signal,
        observers.observed_over,
        observers.window_days,
        observers.subject_count,
        observed_days.date_day
    having count(*) = observers.subject_count
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
