-- How many of the accounts that started in a quarter had reached a milestone by a day of their own
-- lives. One row per measure, segment (and `all`) and quarter.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

measures as (
    select * from {{ ref('resource_measures') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
    where is_primary
),

steps as (
    select * from {{ ref('int_onboarding_steps') }}
    where onboarding_number = 1 and is_followed
),

meant_steps as (
    select
        measures.measure,
        measures.by_day,
        steps.account_id,
        steps.segment,
        {{ first_day_of('quarter', 'steps.started_on') }} as quarter_start,
        {{ add_days('steps.started_on', 'measures.by_day') }} as judged_on,
        steps.reached_on,
        steps.waived_on,
        steps.seen_until
    from measures
    cross join steps
    left join activation_milestones
        on steps.product_category = activation_milestones.product_category
    where
        steps.milestone_id = case
            when measures.subject = 'first_value' then activation_milestones.milestone_id
            else measures.subject
        end
),

-- Who is not watched until the day is left out, reached or not, so that early ones do not count
-- alone. Who has left has not reached it.
counted_steps as (
    select
        measure,
        by_day,
        segment,
        quarter_start,
        case when reached_on <= judged_on then 1 else 0 end as is_reached
    from meant_steps
    where
        seen_until >= judged_on
        and coalesce(waived_on > judged_on or reached_on <= judged_on, waived_on is null)
),

steps_by_segment as (
    select * from counted_steps
    union all
    select
        measure,
        by_day,
        'all' as segment,
        quarter_start,
        is_reached
    from counted_steps
),

counts as (
    select
        measure,
        segment,
        quarter_start,
        count(*) as accounts,
        sum(is_reached) as reached
    from steps_by_segment
    group by measure, segment, quarter_start
),

-- Every quarter in which an account started has a row for each measure and segment.
quarters as (
    select distinct {{ first_day_of('quarter', 'started_on') }} as quarter_start
    from steps
),

segments as (
    select segment from {{ ref('size_classes') }}
    union all
    select 'all' as segment
),

quarters_with_end as (
    select
        quarter_start,
        {{ add_days(first_day_of('quarter', add_days('quarter_start', 100)), -1) }} as quarter_end,
        cast(
            (12 * extract(year from quarter_start) + extract(month from quarter_start) - 1) / 3
            as integer
        ) as quarter_number
    from quarters
),

rates as (
    select
        measures.measure,
        segments.segment,
        quarters_with_end.quarter_start,
        quarters_with_end.quarter_end,
        quarters_with_end.quarter_number,
        {{ add_days('quarters_with_end.quarter_end', 'measures.by_day') }} <= build_moment.over_on
            as is_complete,
        coalesce(counts.accounts, 0) as accounts,
        coalesce(counts.reached, 0) as reached
    from measures
    cross join segments
    cross join quarters_with_end
    cross join build_moment
    left join counts
        on
            measures.measure = counts.measure
            and segments.segment = counts.segment
            and quarters_with_end.quarter_start = counts.quarter_start
)

select * from rates
