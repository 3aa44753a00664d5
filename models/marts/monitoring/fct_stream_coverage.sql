-- From when to when each stream, and each kind of its events, can be relied upon. One row per
-- source, subject and stretch.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

subjects as (
    select distinct
        source,
        subject,
        is_used
    from {{ ref('base_subjects') }}
),

coverage as (
    select * from {{ ref('base_coverage') }}
),

subject_days as (
    select * from {{ ref('base_subject_days') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
),

stretches as (
    select
        subjects.source,
        subjects.subject,
        subjects.is_used,
        row_number() over (
            partition by subjects.source, subjects.subject order by coverage.observed_from
        ) as stretch,
        coverage.observed_from,
        coverage.observed_until as ended_on,
        case
            when coverage.observed_until is not null then coverage.observed_until
            when coverage.observed_from <= watermarks.complete_through
                then watermarks.complete_through
        end as observed_until,
        coalesce(coverage.observed_until, build_moment.as_of) as last_day,
        watermarks.complete_through,
        build_moment.over_on,
        lead(coverage.observed_from) over (
            partition by subjects.source, subjects.subject order by coverage.observed_from
        ) as observed_again_from
    from subjects
    cross join build_moment
    inner join watermarks
        on subjects.source = watermarks.source
    left join coverage
        on subjects.source = coverage.source and subjects.subject = coverage.subject
),

counts as (
    select
        stretches.source,
        stretches.subject,
        stretches.observed_from,
        max(subject_days.date_day) as last_event_on,
        sum(subject_days.event_count) as event_count,
        sum(
            case when subject_days.date_day <= stretches.observed_until then 1 else 0 end
        ) as event_days
    from stretches
    inner join subject_days
        on
            stretches.source = subject_days.source
            and stretches.subject = subject_days.subject
            and stretches.observed_from <= subject_days.date_day
            and stretches.last_day >= subject_days.date_day
    group by stretches.source, stretches.subject, stretches.observed_from
),

stretches_with_counts as (
    select
        stretches.*,
        counts.last_event_on,
        coalesce(counts.event_count, 0) as event_count,
        {{ days_between('stretches.observed_from', 'stretches.observed_until') }} + 1
        - coalesce(counts.event_days, 0) as days_without_events,
        stretches.ended_on is not null
        and stretches.observed_again_from is null
        and counts.event_count is not null as is_silent,
        case stretches.source
            when 'product' then 'Product'
            when 'crm' then 'CRM'
            when 'support' then 'Support'
            when 'billing' then 'Billing'
            when 'survey' then 'Survey'
        end || ' events'
        || case
            when stretches.subject = 'any' then ''
            when stretches.subject = 'users' then ' that carry a user'
            when stretches.subject like 'role:%'
                then ' of the role ' || replace(stretches.subject, 'role:', '')
            else ' of the type ' || stretches.subject
        end as subject_name,
        case
            when stretches.subject <> 'any' then 'them'
            when stretches.source = 'product' then 'use'
            when stretches.source = 'crm' then 'accounts'
            when stretches.source = 'support' then 'tickets'
            when stretches.source = 'billing' then 'subscriptions'
            when stretches.source = 'survey' then 'answers'
        end as topic
    from stretches
    left join counts
        on
            stretches.source = counts.source
            and stretches.subject = counts.subject
            and stretches.observed_from = counts.observed_from
),

stretch_descriptions as (
    select
        source,
        subject,
        cast(stretch as bigint) as stretch,
        observed_from,
        observed_until,
        is_silent,
        is_used,
        last_event_on,
        cast(event_count as bigint) as event_count,
        cast(days_without_events as bigint) as days_without_events,
        subject_name || case
            when observed_from is null
                then ' have never come: nothing is known of ' || topic || '.'
            when event_count = 0
                then
                    ' have not come: with so few accounts or events that counts as none from '
                    || cast(observed_from as {{ dbt.type_string() }}) || ' on'
                    || coalesce(
                        ', until ' || cast(ended_on as {{ dbt.type_string() }}), ''
                    ) || '.'
            when is_silent
                then
                    ' stopped on ' || cast(observed_until as {{ dbt.type_string() }})
                    || ': nothing is known of ' || topic || ' since.'
            when ended_on is not null
                then
                    ' stopped on ' || cast(observed_until as {{ dbt.type_string() }})
                    || ' and came back on '
                    || cast(observed_again_from as {{ dbt.type_string() }})
                    || ': nothing is known of ' || topic || ' in between.'
            else
                ' are observed since ' || cast(observed_from as {{ dbt.type_string() }})
                || case
                    when complete_through < over_on
                        then
                            ' and complete through '
                            || cast(complete_through as {{ dbt.type_string() }})
                    else ''
                end || '.'
        end as sentence
    from stretches_with_counts
)

select * from stretch_descriptions
