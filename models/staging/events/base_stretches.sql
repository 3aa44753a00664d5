-- Gaps and islands: stretches of days with events of a subject, split by unusually long silences.
-- One row per subject and stretch.
{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

subjects as (
    select * from {{ ref('base_subjects') }}
),

rules as (
    select distinct
        source,
        subject,
        silent_after_days,
        silent_after_gaps,
        min_days,
        sparse_after_days,
        min_stretch_days,
        min_stretch_share
    from subjects
),

subject_days as (
    select * from {{ ref('base_subject_days') }}
),

gaps as (
    select
        subject_days.*,
        {{ days_between(
            'lag(date_day) over (partition by source, subject order by date_day)', 'date_day'
        ) }} - 1 as quiet_days
    from subject_days
),

usual_gaps as (
    select
        source,
        subject,
        count(*) as day_count,
        {{ median('quiet_days') }} as quiet_days
    from gaps
    group by source, subject
),

-- The silence that ends a stretch, from the median gap of the subject where it has enough days.
limits as (
    select
        rules.*,
        case
            when rules.silent_after_days is null then null
            when usual_gaps.day_count < rules.min_days then rules.sparse_after_days
            else
                greatest(
                    rules.silent_after_days, rules.silent_after_gaps * usual_gaps.quiet_days
                )
        end as silent_after
    from rules
    inner join usual_gaps
        on rules.source = usual_gaps.source and rules.subject = usual_gaps.subject
),

-- The running count of too long gaps numbers the islands.
numbered_days as (
    select
        gaps.source,
        gaps.subject,
        gaps.date_day,
        gaps.event_count,
        sum(case when gaps.quiet_days > limits.silent_after then 1 else 0 end) over (
            partition by gaps.source, gaps.subject order by gaps.date_day
        ) as stretch_number
    from gaps
    inner join limits
        on gaps.source = limits.source and gaps.subject = limits.subject
),

stretches as (
    select
        source,
        subject,
        min(date_day) as first_event_on,
        max(date_day) as last_event_on,
        count(*) as event_days,
        sum(event_count) as event_count
    from numbered_days
    group by source, subject, stretch_number
),

-- A stretch needs min_stretch_days days with events. It also needs a share of those of the longest
-- stretch, or as many as the days of silence that would end it. Shorter ones come from wrong
-- clocks.
sized_stretches as (
    select
        stretches.*,
        limits.silent_after,
        case
            when
                stretches.event_days >= limits.min_stretch_days
                and stretches.event_days >= least(
                    limits.min_stretch_share * max(stretches.event_days) over (
                        partition by stretches.source, stretches.subject
                    ),
                    coalesce(limits.silent_after_days, stretches.event_days)
                )
                then 1
            else 0
        end as is_long_enough,
        row_number() over (
            partition by stretches.source, stretches.subject
            order by stretches.event_days desc, stretches.first_event_on desc
        ) as size_rank
    from stretches
    inner join limits
        on stretches.source = limits.source and stretches.subject = limits.subject
),

ranked_stretches as (
    select
        sized_stretches.*,
        max(is_long_enough) over (partition by source, subject) as has_long_enough
    from sized_stretches
),

kept_stretches as (
    select
        ranked_stretches.source,
        ranked_stretches.subject,
        ranked_stretches.first_event_on,
        ranked_stretches.last_event_on,
        ranked_stretches.event_days,
        cast(ranked_stretches.event_count as bigint) as event_count,
        coalesce(
            {{ days_between('ranked_stretches.last_event_on', 'build_moment.over_on') }}
            <= ranked_stretches.silent_after,
            true
        ) as is_open
    from ranked_stretches
    cross join build_moment
    where
        ranked_stretches.is_long_enough = 1
        or (ranked_stretches.has_long_enough = 0 and ranked_stretches.size_rank = 1)
)

select * from kept_stretches
