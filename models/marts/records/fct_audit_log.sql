-- Changes of scores, milestones, overrides and configuration from build to build (append only). One
-- row per subject and change.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

health as (
    select * from {{ ref('fct_current_health') }}
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

overrides as (
    select * from {{ ref('int_health_overrides') }}
),

configuration as (
    select * from {{ ref('configuration_values') }}
),

states as (
    select
        'score' as kind,
        account_id as subject,
        account_id,
        coalesce(cast(score as {{ dbt.type_string() }}) || ' ' || band || ', ', '')
        || status || ' by ' || model_version as state
    from health
    union all
    select
        'milestone' as kind,
        account_id || '|' || milestone_id as subject,
        account_id,
        status || coalesce(
            ' on ' || cast(
                {{ day_of('coalesce(waived_at, achieved_at)') }} as {{ dbt.type_string() }}
            ), ''
        ) as state
    from milestones
    union all
    select
        'override' as kind,
        override_id as subject,
        account_id,
        band || ' from ' || cast(starts_on as {{ dbt.type_string() }})
        || ' to ' || cast(ends_on as {{ dbt.type_string() }}) as state
    from overrides
    union all
    select
        'configuration' as kind,
        subject,
        cast(null as {{ dbt.type_string() }}) as account_id,
        state
    from configuration
),

earlier_changes as (
    {% if is_incremental() -%}
    select
        kind,
        subject,
        account_id,
        change_number,
        after_value,
        known_at,
        as_of
    from {{ this }}
    {%- else -%}
    select
        kind,
        subject,
        account_id,
        0 as change_number,
        state as after_value,
        cast(null as timestamp) as known_at,
        cast(null as date) as as_of
    from states
    where subject is null
    {%- endif %}
),

last_log as (
    select
        max(earlier_changes.known_at) as known_at,
        max(earlier_changes.as_of) as as_of
    from earlier_changes
    cross join build_moment
    where
        coalesce(earlier_changes.known_at <= build_moment.latest_load_at, true)
        and coalesce(earlier_changes.as_of <= {{ day_of('build_moment.latest_load_at') }}, true)
),

-- No row, so nothing is logged, where the build replays the past, is ahead of the clock or has no
-- event. What an earlier build logged ahead of the clock is ignored in this comparison.
log_moment as (
    select
        build_moment.known_at,
        least(build_moment.as_of, {{ day_of('build_moment.known_at') }}) as as_of
    from build_moment
    cross join last_log
    where
        build_moment.known_at is not null
        and coalesce(build_moment.known_at <= build_moment.latest_load_at, true)
        and coalesce(build_moment.known_at >= last_log.known_at, true)
        and coalesce(build_moment.as_of >= last_log.as_of, true)
),

last_numbers as (
    select
        kind,
        subject,
        max(change_number) as change_number
    from earlier_changes
    group by kind, subject
),

last_changes as (
    select earlier_changes.*
    from last_numbers
    inner join earlier_changes
        on
            last_numbers.kind = earlier_changes.kind
            and last_numbers.subject = earlier_changes.subject
            and last_numbers.change_number = earlier_changes.change_number
),

pairings as (
    select
        coalesce(states.kind, last_changes.kind) as kind,
        coalesce(states.subject, last_changes.subject) as subject,
        coalesce(states.account_id, last_changes.account_id) as account_id,
        coalesce(last_changes.change_number, 0) + 1 as change_number,
        last_changes.after_value as before_value,
        states.state as after_value
    from states
    full outer join last_changes
        on states.kind = last_changes.kind and states.subject = last_changes.subject
),

changes as (
    select
        {{ id_of(
            "pairings.kind || '|' || pairings.subject || '|' || cast(pairings.change_number as "
            ~ dbt.type_string() ~ ")"
        ) }} as audit_id,
        pairings.kind,
        pairings.subject,
        pairings.account_id,
        cast(pairings.change_number as bigint) as change_number,
        pairings.before_value,
        pairings.after_value,
        log_moment.known_at,
        log_moment.as_of
    from pairings
    cross join log_moment
    where
        coalesce(pairings.before_value <> pairings.after_value, false)
        or (pairings.before_value is null) <> (pairings.after_value is null)
)

select * from changes
