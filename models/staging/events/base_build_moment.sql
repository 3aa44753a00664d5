-- Point in time of this build: what it may know and see, and the build that it goes on from. One
-- row. Fails with the first problem of configuration_problems.
{{ config(materialized='table') }}

with

configuration_problems as (
    select * from {{ ref('configuration_problems') }}
),

completed_builds as (
    select * from {{ source('builds', 'completed_builds') }}
),

started_builds as (
    select * from {{ source('builds', 'started_builds') }}
),

loads as (
    {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] -%}
    select max(loaded_at) as loaded_at from {{ source('raw', stream ~ '_events') }}
    where
        loaded_at >= cast('0001-01-01' as timestamp)
        and loaded_at <= {{ latest_load_at() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

known_moment as (
    select
        coalesce(
            cast({{ "'" ~ var('known_at') ~ "'" if var('known_at') else 'null' }} as timestamp),
            max(loaded_at)
        ) as known_at
    from loads
),

ranked_problems as (
    select
        file_path || ', ' || row_key || ': ' || problem || ' ' || remedy as message,
        rank() over (order by precedence) as place
    from configuration_problems
),

first_problem as (
    select min(message) as message
    from ranked_problems
    where place = 1
),

build_days as (
    select
        known_moment.known_at,
        coalesce(
            cast({{ "'" ~ var('as_of') ~ "'" if var('as_of') else 'null' }} as date),
            {{ day_of('known_moment.known_at') }}
        ) as as_of
    from known_moment
    cross join first_problem
    where
        case
            when first_problem.message is null then true
            else {{ raise_error('first_problem.message') }}
        end
),

last_builds as (
    select max(build_number) as build_number from completed_builds
),

first_builds as (
    select min(build_number) as build_number from completed_builds
),

last_runs as (
    select max(run_number) as run_number from started_builds
),

this_run as (
    select
        started_builds.run_number,
        started_builds.intake_definition,
        started_builds.definition,
        started_builds.moment
    from started_builds
    inner join last_runs
        on started_builds.run_number = last_runs.run_number
),

-- Builds that were cut short after the last completed one may have left rows made with another
-- definition or moment.
interrupted_builds as (
    select
        coalesce(
            sum(
                case
                    when
                        started_builds.intake_definition <> this_run.intake_definition
                        or started_builds.moment <> this_run.moment
                        then 1
                    else 0
                end
            ), 0
        ) > 0 as is_other_intake,
        coalesce(
            sum(case when started_builds.definition <> this_run.definition then 1 else 0 end), 0
        ) > 0 as is_other
    from started_builds
    cross join this_run
    inner join last_builds
        on started_builds.build_number = coalesce(last_builds.build_number, 0) + 1
),

moment as (
    select
        build_days.known_at,
        build_days.as_of,
        {{ day_starts_at(add_days('build_days.as_of', 1)) }} as as_of_ends_at,
        least(
            build_days.as_of,
            {{ add_days(day_of(add_time('build_days.known_at', 1, 'second')), -1) }}
        ) as over_on,
        coalesce(
            cast({{ "'" ~ var('tasks_from') ~ "'" if var('tasks_from') else 'null' }} as date),
            first_completed.as_of,
            build_days.as_of
        ) as tasks_from,
        {{ latest_load_at() }} as latest_load_at,
        coalesce(last_builds.build_number, 0) + 1 as build_number,
        coalesce(last_builds.build_number, 0) as last_build_number,
        completed_builds.known_at as last_known_at,
        completed_builds.as_of as last_as_of,
        completed_builds.tracking_starts as last_tracking_starts,
        this_run.intake_definition,
        this_run.definition,
        coalesce(completed_builds.intake_definition <> this_run.intake_definition, true)
        or interrupted_builds.is_other_intake as must_reload,
        coalesce(
            completed_builds.intake_definition <> this_run.intake_definition
            or completed_builds.definition <> this_run.definition
            or completed_builds.known_at > build_days.known_at
            or completed_builds.as_of > build_days.as_of,
            true
        )
        or interrupted_builds.is_other_intake
        or interrupted_builds.is_other
        or {{ is_full_refresh() }} as must_rebuild
    from build_days
    cross join last_builds
    cross join interrupted_builds
    cross join first_builds
    left join this_run
        on this_run.run_number is not null
    left join completed_builds as first_completed
        on first_builds.build_number = first_completed.build_number
    left join completed_builds
        on last_builds.build_number = completed_builds.build_number
)

select * from moment
