-- When each milestone could be seen to be reached: days on which all subjects of its exit criteria
-- are observed. One row per milestone and stretch of such days.
{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

exit_criteria as (
    select * from {{ ref('milestone_criteria') }}
    where phase = 'exit' and not holds_when_null
),

signals as (
    select
        signal,
        ';' || replace(observed_by, '; ', ';') || ';' as subject_list
    from {{ ref('signals') }}
),

subjects as (
    select distinct
        source,
        subject,
        source || case when subject = 'any' then '' else ' ' || subject end as subject_name
    from {{ ref('base_subjects') }}
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
),

-- A signal's subjects are named in a list with a semicolon around each name, in which a name is
-- looked for with its semicolons.
milestone_subjects as (
    select
        exit_criteria.milestone_id,
        subjects.source,
        subjects.subject
    from exit_criteria
    inner join subjects
        on exit_criteria.measure <> 'signal' and exit_criteria.subject = subjects.subject
    union distinct
    select
        exit_criteria.milestone_id,
        subjects.source,
        subjects.subject
    from exit_criteria
    inner join signals
        on exit_criteria.measure = 'signal' and exit_criteria.subject = signals.signal
    inner join subjects
        on {{ dbt.position("';' || subjects.subject_name || ';'", 'signals.subject_list') }} > 0
),

subject_counts as (
    select
        milestone_subjects.milestone_id,
        count(*) as subject_count,
        min(watermarks.complete_through) as complete_through
    from milestone_subjects
    inner join watermarks
        on milestone_subjects.source = watermarks.source
    group by milestone_subjects.milestone_id
),

-- Days on which all subjects are observed. Their common stretch begins when the last of them
-- begins.
milestone_days as (
    select
        milestone_subjects.milestone_id,
        observed_days.date_day,
        max(observed_days.observed_since) as observed_from
    from milestone_subjects
    inner join observed_days
        on
            milestone_subjects.source = observed_days.source
            and milestone_subjects.subject = observed_days.subject
    inner join subject_counts
        on milestone_subjects.milestone_id = subject_counts.milestone_id
    group by
        milestone_subjects.milestone_id, observed_days.date_day, subject_counts.subject_count
    having count(*) = subject_counts.subject_count
),

stretches as (
    select
        milestone_days.milestone_id,
        milestone_days.observed_from,
        max(milestone_days.date_day) as observed_until,
        min(subject_counts.complete_through) as complete_through
    from milestone_days
    inner join subject_counts
        on milestone_days.milestone_id = subject_counts.milestone_id
    group by milestone_days.milestone_id, milestone_days.observed_from
),

-- Milestones that rest on no stream are always observed.
always_observed_milestones as (
    select distinct
        journey_milestones.milestone_id,
        cast('0001-01-01' as date) as observed_from,
        build_moment.as_of as observed_until,
        build_moment.over_on as complete_through
    from journey_milestones
    cross join build_moment
    left join subject_counts
        on journey_milestones.milestone_id = subject_counts.milestone_id
    where subject_counts.milestone_id is null
),

milestone_coverage as (
    select * from stretches
    union all
    select * from always_observed_milestones
)

select * from milestone_coverage
