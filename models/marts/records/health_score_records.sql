{%- set points_key = "drivers.metric || '.points'" %}
{%- set value_key = "drivers.metric || '.value'" -%}

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
        band,
        components
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
        band,
        cast(null as {{ dbt.type_string() }}) as components
    from {{ ref('fct_account_health') }}
    where score_date is null
    {%- endif %}
),

last_publication as (
    select
        max(computed_at) as computed_at,
        max(as_of) as as_of
    from earlier_records
),

-- A build that replays the past publishes nothing.
publication as (
    select
        build_moment.known_at,
        build_moment.as_of,
        build_moment.last_build_number,
        coalesce(
            completed_builds.intake_definition <> '{{ definition(intake=true) }}'
            or completed_builds.definition <> '{{ definition(intake=false) }}',
            false
        ) as is_reconfigured,
        coalesce(
            completed_builds.known_at < build_moment.known_at
            or completed_builds.as_of < build_moment.as_of,
            true
        ) as is_more_known
    from build_moment
    cross join last_publication
    left join completed_builds
        on build_moment.last_build_number = completed_builds.build_number
    where
        coalesce(build_moment.known_at >= last_publication.computed_at, true)
        and coalesce(build_moment.as_of >= last_publication.as_of, true)
),

judged_dates as (
    select health_dates.score_date
    from health_dates
    inner join publication
        on health_dates.build_number > publication.last_build_number
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
    inner join judged_dates
        on drivers.score_date = judged_dates.score_date
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
    inner join earlier_records as latest
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

changed as (
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
        latest_records.components as last_components,
        health.score - latest_records.last_score as difference,
        coalesce(
            latest_records.computed_at < cast({{ add_days('health.score_date', 1) }} as timestamp),
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
    where
        latest_records.revision is null
        or health.model_version <> latest_records.model_version
        or health.status <> latest_records.status
        or coalesce(health.score <> latest_records.score, false)
        or (health.score is null) <> (latest_records.score is null)
        or coalesce(health.band, '') <> coalesce(latest_records.band, '')
        or coalesce(components.components <> latest_records.components, false)
),

-- Where data and configuration are both new, a metric whose value is another one moved by data.
moved_metrics as (
    select
        changed.account_id,
        changed.score_date,
        sum(
            drivers.points - coalesce(
                cast(
                    {{ json_text('changed.last_components', points_key) }} as decimal(9, 2)
                ), 0
            )
        ) as data_change
    from changed
    inner join drivers
        on
            changed.account_id = drivers.account_id
            and changed.score_date = drivers.score_date
    where
        changed.is_reconfigured
        and changed.is_more_known
        and changed.last_components is not null
        and coalesce(
            drivers.value
            <> cast({{ json_text('changed.last_components', value_key) }} as decimal(24, 6)),
            (drivers.value is null)
            <> ({{ json_text('changed.last_components', value_key) }} is null)
        )
    group by changed.account_id, changed.score_date
),

explained as (
    select
        changed.*,
        case
            when not changed.is_reconfigured then changed.difference
            when changed.difference is not null then coalesce(moved_metrics.data_change, 0)
        end as data_change
    from changed
    left join moved_metrics
        on
            changed.account_id = moved_metrics.account_id
            and changed.score_date = moved_metrics.score_date
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
        cast(case when was_day_open then data_change else 0 * data_change end as decimal(9, 2))
            as behaviour_change,
        cast(difference - data_change as decimal(9, 2)) as configuration_change,
        cast(case when was_day_open then 0 * data_change else data_change end as decimal(9, 2))
            as late_data_change
    from explained
)

select * from records
