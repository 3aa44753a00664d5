-- Days on which everything is observed that an activation milestone asks of its persona. One row
-- per milestone and day that is over.
with

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
    where phase = 'exit' and by_persona and measure <> 'signal'
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'product'
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

needed_subjects as (
    select distinct
        activation_milestones.milestone_id,
        milestone_criteria.subject
    from activation_milestones
    inner join milestone_criteria
        on activation_milestones.milestone_id = milestone_criteria.milestone_id
),

subject_counts as (
    select
        milestone_id,
        count(*) as subjects
    from needed_subjects
    group by milestone_id
),

persona_event_days as (
    select
        needed_subjects.milestone_id,
        observed_days.date_day,
        max(observed_days.observed_since) as observed_since
    from needed_subjects
    inner join observed_days
        on needed_subjects.subject = observed_days.subject
    inner join subject_counts
        on needed_subjects.milestone_id = subject_counts.milestone_id
    cross join watermarks
    where observed_days.date_day <= watermarks.complete_through
    group by
        needed_subjects.milestone_id, observed_days.date_day, subject_counts.subjects
    having count(*) = subject_counts.subjects
)

select * from persona_event_days
