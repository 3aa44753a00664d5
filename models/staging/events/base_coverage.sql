-- When each subject is observed, so that no event means that nothing happened. One row per subject
-- and stretch of days.
{{ config(materialized='table') }}

with

stretches as (
    select * from {{ ref('base_stretches') }}
),

event_days as (
    select * from {{ ref('base_event_days') }}
),

events as (
    select
        source,
        account_id,
        {{ day_of('occurred_at') }} as date_day
    from {{ ref('base_resolved_events') }}
    where reject_reason is null
),

subjects as (
    select distinct
        source,
        subject,
        never_seen_accounts,
        never_seen_events
    from {{ ref('base_subjects') }}
),

streams as (
    select * from stretches
    where subject = 'any'
),

stream_starts as (
    select
        source,
        min(first_event_on) as first_event_on
    from streams
    group by source
),

first_stretches as (
    select
        subjects.source,
        subjects.subject,
        subjects.never_seen_accounts,
        subjects.never_seen_events,
        min(stretches.first_event_on) as first_event_on
    from subjects
    left join stretches
        on subjects.source = stretches.source and subjects.subject = stretches.subject
    where subjects.subject <> 'any'
    group by
        subjects.source,
        subjects.subject,
        subjects.never_seen_accounts,
        subjects.never_seen_events
),

account_starts as (
    select
        source,
        account_id,
        min(date_day) as date_day
    from events
    group by source, account_id
),

accounts_before as (
    select
        first_stretches.source,
        first_stretches.subject,
        count(*) as account_count
    from first_stretches
    inner join account_starts
        on
            first_stretches.source = account_starts.source
            and coalesce(first_stretches.first_event_on > account_starts.date_day, true)
    group by first_stretches.source, first_stretches.subject
),

events_before as (
    select
        first_stretches.source,
        first_stretches.subject,
        sum(event_days.event_count) as event_count
    from first_stretches
    inner join event_days
        on
            first_stretches.source = event_days.source
            and coalesce(first_stretches.first_event_on > event_days.date_day, true)
    group by first_stretches.source, first_stretches.subject
),

-- Subjects that few accounts or events of the stream came before. Nobody had the chance to show
-- them yet, so their absence means that nobody did it, and they are observed from the start of the
-- stream.
rarely_seen_subjects as (
    select
        first_stretches.source,
        first_stretches.subject,
        first_stretches.first_event_on
    from first_stretches
    left join accounts_before
        on
            first_stretches.source = accounts_before.source
            and first_stretches.subject = accounts_before.subject
    left join events_before
        on
            first_stretches.source = events_before.source
            and first_stretches.subject = events_before.subject
    where
        coalesce(accounts_before.account_count, 0) < first_stretches.never_seen_accounts
        or coalesce(events_before.event_count, 0) < first_stretches.never_seen_events
),

own_stretches as (
    select
        stretches.source,
        stretches.subject,
        case
            when rarely_seen_subjects.source is not null
                then least(stretches.first_event_on, stream_starts.first_event_on)
            else stretches.first_event_on
        end as observed_from,
        case when not stretches.is_open then stretches.last_event_on end as observed_until
    from stretches
    inner join stream_starts
        on stretches.source = stream_starts.source
    left join rarely_seen_subjects
        on
            stretches.source = rarely_seen_subjects.source
            and stretches.subject = rarely_seen_subjects.subject
            and stretches.first_event_on = rarely_seen_subjects.first_event_on
    union all
    select
        rarely_seen_subjects.source,
        rarely_seen_subjects.subject,
        stream_starts.first_event_on as observed_from,
        cast(null as date) as observed_until
    from rarely_seen_subjects
    inner join stream_starts
        on rarely_seen_subjects.source = stream_starts.source
    where rarely_seen_subjects.first_event_on is null
),

-- A subject is not observed while its stream is silent: the intersection with the stretches of the
-- stream.
coverage as (
    select
        own_stretches.source,
        own_stretches.subject,
        greatest(own_stretches.observed_from, streams.first_event_on) as observed_from,
        case
            when own_stretches.observed_until is null and streams.is_open then null
            when own_stretches.observed_until is null then streams.last_event_on
            when streams.is_open then own_stretches.observed_until
            else least(own_stretches.observed_until, streams.last_event_on)
        end as observed_until
    from own_stretches
    inner join streams
        on
            own_stretches.source = streams.source
            and coalesce(own_stretches.observed_until >= streams.first_event_on, true)
            and (streams.is_open or own_stretches.observed_from <= streams.last_event_on)
)

select * from coverage
