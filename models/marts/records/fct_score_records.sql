-- Append-only record of every score as it was published, point in time: a new revision where a
-- build changes it, and the cause. One row per account, score date and revision.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

completed_builds as (
    select * from {{ source('builds', 'completed_builds') }}
),

health_dates as (
    select * from {{ ref('int_health_dates') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

published_accounts as (
    select distinct health.account_id from health
),

drivers as (
    select * from {{ ref('fct_health_drivers') }}
    where weight > 0
),

earlier_records as (
    {% if is_incremental() -%}
    select
        account_id,
        score_date,
        revision,
        computed_at,
        as_of,
        model_version,
        status,
        score,
        band
    from {{ this }}
    {%- else -%}
    select
        account_id,
        score_date,
        0 as revision,
        cast(null as timestamp) as computed_at,
        cast(null as date) as as_of,
        model_version,
        status,
        score,
        band
    from {{ ref('fct_account_health') }}
    where score_date is null
    {%- endif %}
),

-- Records of a wrong clock, or of an as_of in the future, are ahead of this run.
placed_records as (
    select
        earlier_records.*,
        coalesce(
            earlier_records.computed_at > build_moment.latest_load_at
            or earlier_records.as_of > {{ day_of('build_moment.latest_load_at') }},
            false
        ) as is_ahead
    from earlier_records
    cross join build_moment
),

last_publication as (
    select
        max(computed_at) as computed_at,
        max(as_of) as as_of
    from placed_records
    where not is_ahead
),

-- The last build that did not replay the past: the one that the records come from.
last_builds as (
    select max(completed_builds.build_number) as build_number
    from completed_builds
    cross join last_publication
    cross join build_moment
    where
        completed_builds.known_at >= last_publication.computed_at
        and completed_builds.as_of >= last_publication.as_of
        and coalesce(completed_builds.known_at <= build_moment.latest_load_at, true)
        and coalesce(completed_builds.as_of <= {{ day_of('build_moment.latest_load_at') }}, true)
),

-- No row, so nothing is published, where the build replays the past or is ahead of the clock.
publication as (
    select
        build_moment.known_at,
        least(build_moment.as_of, {{ day_of('build_moment.known_at') }}) as as_of,
        build_moment.last_build_number,
        coalesce(
            completed_builds.intake_definition <> build_moment.intake_definition
            or completed_builds.definition <> build_moment.definition,
            false
        ) as is_reconfigured,
        coalesce(
            completed_builds.known_at < build_moment.known_at
            or completed_builds.as_of < build_moment.as_of,
            true
        ) as is_more_known
    from build_moment
    cross join last_publication
    cross join last_builds
    left join completed_builds
        on last_builds.build_number = completed_builds.build_number
    where
        coalesce(build_moment.known_at >= last_publication.computed_at, true)
        and coalesce(build_moment.as_of >= last_publication.as_of, true)
        and coalesce(build_moment.known_at <= build_moment.latest_load_at, true)
),

computed_dates as (
    select health_dates.score_date
    from health_dates
    inner join publication
        on health_dates.build_number > publication.last_build_number
),

-- Components are compared only on the dates that this build computed again.
earlier_components as (
    {% if is_incremental() -%}
    select
        kept.account_id,
        kept.score_date,
        kept.revision,
        kept.components
    from {{ this }} as kept
    inner join computed_dates
        on kept.score_date = computed_dates.score_date
    {%- else -%}
    select
        account_id,
        score_date,
        revision,
        cast(null as {{ dbt.type_string() }}) as components
    from earlier_records
    {%- endif %}
),

driver_texts as (
    select
        drivers.account_id,
        drivers.score_date,
        '"' || drivers.metric
        || '":{"value":' || coalesce(cast(drivers.value as {{ dbt.type_string() }}), 'null')
        || ',"normalised":'
        || coalesce(cast(drivers.normalised as {{ dbt.type_string() }}), 'null')
        || ',"weight":' || cast(drivers.weight as {{ dbt.type_string() }})
        || ',"points":' || cast(drivers.points as {{ dbt.type_string() }}) || '}' as component
    from drivers
    inner join computed_dates
        on drivers.score_date = computed_dates.score_date
),

components as (
    select
        account_id,
        score_date,
        '{' || {{ joined_texts('component') }} || '}' as components
    from driver_texts
    group by account_id, score_date
),

latest_revisions as (
    select
        account_id,
        score_date,
        max(revision) as revision,
        max(case when score is not null then revision end) as scored_revision
    from earlier_records
    group by account_id, score_date
),

latest_records as (
    select
        latest.*,
        scored.score as last_score
    from latest_revisions
    inner join placed_records as latest
        on
            latest_revisions.account_id = latest.account_id
            and latest_revisions.score_date = latest.score_date
            and latest_revisions.revision = latest.revision
    left join earlier_records as scored
        on
            latest_revisions.account_id = scored.account_id
            and latest_revisions.score_date = scored.score_date
            and latest_revisions.scored_revision = scored.revision
),

changed_scores as (
    select
        health.account_id,
        health.score_date,
        health.model_version,
        health.status,
        health.score,
        health.band,
        health.coverage,
        components.components,
        coalesce(latest_records.revision, 0) + 1 as revision,
        health.score - latest_records.last_score as difference,
        coalesce(
            latest_records.computed_at
            < {{ day_starts_at(add_days('health.score_date', 1)) }},
            false
        ) as was_day_open,
        publication.known_at,
        publication.as_of,
        publication.is_reconfigured,
        publication.is_more_known
    from health
    cross join publication
    left join components
        on
            health.account_id = components.account_id
            and health.score_date = components.score_date
    left join latest_records
        on
            health.account_id = latest_records.account_id
            and health.score_date = latest_records.score_date
    left join earlier_components
        on
            latest_records.account_id = earlier_components.account_id
            and latest_records.score_date = earlier_components.score_date
            and latest_records.revision = earlier_components.revision
    where
        health.score_date <= publication.as_of
        and (
            latest_records.revision is null
            or latest_records.is_ahead
            or health.model_version <> latest_records.model_version
            or health.status <> latest_records.status
            or coalesce(health.score <> latest_records.score, false)
            or (health.score is null) <> (latest_records.score is null)
            or coalesce(health.band, '') <> coalesce(latest_records.band, '')
            or coalesce(components.components <> earlier_components.components, false)
        )
),

-- Published scores that no longer exist: the account was merged or excluded, or the date is not
-- one of its days any more. A date other than a score weekday exists only while it is the last
-- day, so that it is withdrawn only with its account, or where it was published ahead of the clock.
withdrawn_scores as (
    select
        latest_records.account_id,
        latest_records.score_date,
        latest_records.model_version,
        'withdrawn' as status,
        cast(null as decimal(9, 2)) as score,
        cast(null as {{ dbt.type_string() }}) as band,
        cast(null as decimal(9, 4)) as coverage,
        cast(null as {{ dbt.type_string() }}) as components,
        latest_records.revision + 1 as revision,
        cast(null as decimal(9, 2)) as difference,
        false as was_day_open,
        publication.known_at,
        publication.as_of,
        publication.is_reconfigured,
        publication.is_more_known
    from latest_records
    cross join publication
    left join health
        on
            latest_records.account_id = health.account_id
            and latest_records.score_date = health.score_date
    where
        health.account_id is null
        and latest_records.status <> 'withdrawn'
        and (
            {{ is_score_weekday('latest_records.score_date') }}
            or latest_records.is_ahead
            or latest_records.account_id not in (
                select published_accounts.account_id from published_accounts
            )
        )
),

revisions as (
    select * from changed_scores
    union all
    select * from withdrawn_scores
),

-- New data and a new configuration in one build cannot be told apart, as the former seeds are gone.
revisions_with_cause as (
    select
        revisions.*,
        case
            when is_reconfigured and is_more_known then 'both'
            when is_reconfigured then 'configuration'
            when was_day_open then 'behaviour'
            else 'late_data'
        end as cause
    from revisions
),

records as (
    select
        {{ id_of(
            "account_id || '|' || cast(score_date as " ~ dbt.type_string() ~ ") || '|' || cast(revision as "
            ~ dbt.type_string() ~ ")"
        ) }} as record_id,
        account_id,
        score_date,
        cast(revision as bigint) as revision,
        known_at as computed_at,
        as_of,
        model_version,
        status,
        score,
        band,
        coverage,
        components,
        cast(difference as decimal(9, 2)) as difference,
        {% for part in ['behaviour', 'configuration', 'late_data'] -%}
        cast(
            case when cause = '{{ part }}' then difference else 0 * difference end as decimal(9, 2)
        ) as {{ part }}_change,
        {% endfor -%}
        cast(
            case when cause = 'both' then difference else 0 * difference end as decimal(9, 2)
        ) as unsplit_change
    from revisions_with_cause
)

select * from records
