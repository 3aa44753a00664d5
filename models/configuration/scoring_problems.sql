-- noqa: disable=RF02
with

signals as (
    select * from {{ ref('signals') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

lifecycle_stages as (
    select * from {{ ref('lifecycle_stages') }}
),

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

health_metrics as (
    select * from {{ ref('health_metrics') }}
),

health_weights as (
    select * from {{ ref('health_weights') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

ordered_versions as (
    select
        model_version,
        effective_from,
        effective_to,
        lead(model_version) over (
            partition by track, segment, stage order by effective_from, model_version
        ) as next_version,
        lead(effective_from) over (
            partition by track, segment, stage order by effective_from, model_version
        ) as next_from
    from health_model_versions
),

version_problems as (
    select
        'scoring/health_model_versions.csv' as file_path,
        'model_version ' || model_version as row_key,
        case
            when effective_to >= next_from or (effective_to is null and next_from is not null)
                then 'its dates overlap those of ' || next_version || '.'
            when effective_to < effective_from then 'it ends before it starts.'
            else 'no version holds between its end and the start of ' || next_version || '.'
        end as problem,
        'Let effective_to be the day before the next effective_from.' as remedy
    from ordered_versions
    where
        effective_to < effective_from
        or (
            next_from is not null
            and coalesce({{ add_days('effective_to', 1) }} <> next_from, true)
        )
    union all
    select
        'scoring/health_model_versions.csv' as file_path,
        'model_version ' || model_version as row_key,
        'the version stands more than once.' as problem,
        'Keep one row; give each segment and stage a version of its own.' as remedy
    from health_model_versions
    group by model_version
    having count(*) > 1
    union all
    select
        'scoring/health_model_versions.csv' as file_path,
        'model_version ' || model_version as row_key,
        case
            when model_version = 'any' then 'any is no name for a version.'
            when segment <> 'any' and segment not in (select segment from size_classes)
                then 'unknown segment ' || segment || '.'
            when stage <> 'any' and stage not in (select stage from lifecycle_stages)
                then 'unknown stage ' || stage || '.'
        end as problem,
        'Use any, or a segment of size_classes.csv and a stage of lifecycle_stages.csv.' as remedy
    from health_model_versions
    union all
    select
        'scoring/health_model_versions.csv' as file_path,
        'track live, segment any, stage any' as row_key,
        'no version is live for everybody from some day on without an end.' as problem,
        'Leave effective_to of the last one blank.' as remedy
    from health_model_versions
    having
        coalesce(
            sum(
                case
                    when
                        track = 'live'
                        and segment = 'any'
                        and stage = 'any'
                        and effective_to is null
                        then 1
                    else 0
                end
            ), 0
        ) = 0
),

metric_problems as (
    select
        'scoring/health_metrics.csv' as file_path,
        'metric ' || metric as row_key,
        case
            when signal not in (select signal from signals) then 'unknown signal ' || signal || '.'
            when age_signal not in (select signal from signals)
                then 'unknown age_signal ' || age_signal || '.'
            when coalesce(direction, '') not in ('higher', 'lower')
                then 'direction must be higher or lower.'
            when coalesce(method, '') not in ('bounded', 'peer')
                then 'method must be bounded or peer.'
            when coalesce(missing_policy, '') not in ('median', 'neutral', 'drop')
                then 'missing_policy must be median, neutral or drop.'
            when method = 'bounded' and coalesce(lower_bound >= upper_bound, true)
                then 'a bounded metric needs lower_bound below upper_bound.'
            when coalesce(decay_per_day, -1) < 0 then 'decay_per_day must be 0 or more.'
        end as problem,
        'Correct the row; signals are listed in reference/signals.csv.' as remedy
    from health_metrics
    union all
    select
        'scoring/health_metrics.csv' as file_path,
        'model_version ' || model_version || ', metric ' || metric as row_key,
        'unknown model version.' as problem,
        'Use any or a version of health_model_versions.csv.' as remedy
    from health_metrics
    where
        model_version <> 'any'
        and model_version not in (select model_version from health_model_versions)
    union all
    select
        'scoring/health_metrics.csv' as file_path,
        'metric ' || metric as row_key,
        'the metric stands more than once.' as problem,
        'Keep one row for a version.' as remedy
    from health_metrics
    group by model_version, metric
    having count(*) > 1
),

known_weights as (
    select distinct
        health_weights.model_version,
        health_weights.metric
    from health_weights
    inner join health_metrics
        on
            health_weights.metric = health_metrics.metric
            and health_metrics.model_version in (health_weights.model_version, 'any')
),

weight_problems as (
    select
        'scoring/health_weights.csv' as file_path,
        'model_version ' || health_weights.model_version || ', metric ' || health_weights.metric
            as row_key,
        case
            when
                health_weights.model_version not in (
                    select health_model_versions.model_version from health_model_versions
                )
                then 'unknown model version.'
            when known_weights.metric is null then 'unknown metric.'
            when coalesce(health_weights.weight, -1) < 0 then 'the weight must be 0 or more.'
        end as problem,
        'Use a version of health_model_versions.csv and a metric of health_metrics.csv.' as remedy
    from health_weights
    left join known_weights
        on
            health_weights.model_version = known_weights.model_version
            and health_weights.metric = known_weights.metric
    union all
    select
        'scoring/health_weights.csv' as file_path,
        'model_version ' || model_version || ', metric ' || metric as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from health_weights
    group by model_version, metric
    having count(*) > 1
    union all
    select
        'scoring/health_weights.csv' as file_path,
        'model_version ' || health_model_versions.model_version as row_key,
        'the weights sum to '
        || cast(coalesce(sum(health_weights.weight), 0) as {{ dbt.type_string() }})
        || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from (select distinct model_version from health_model_versions) as health_model_versions
    left join health_weights
        on health_model_versions.model_version = health_weights.model_version
    group by health_model_versions.model_version
    having coalesce(sum(health_weights.weight), 0) <> 1
),

band_steps as (
    select
        model_version,
        band,
        lower_edge,
        hold_margin,
        lag(lower_edge) over (partition by model_version order by lower_edge) as below_edge,
        lag(hold_margin) over (partition by model_version order by lower_edge) as lower_margin
    from health_bands
),

band_problems as (
    select
        'scoring/health_bands.csv' as file_path,
        'model_version ' || health_model_versions.model_version as row_key,
        'the lowest band must start at 0 and no two at the same edge.' as problem,
        'Correct lower_edge.' as remedy
    from (select distinct model_version from health_model_versions) as health_model_versions
    left join health_bands
        on health_model_versions.model_version = health_bands.model_version
    group by health_model_versions.model_version
    having
        coalesce(min(health_bands.lower_edge), -1) <> 0
        or count(distinct health_bands.lower_edge) <> count(health_bands.band)
    union all
    select
        'scoring/health_bands.csv' as file_path,
        'model_version ' || model_version || ', band ' || band as row_key,
        'hold_margin must be 0 or more, 0 for the lowest band, '
        || 'and not reach into that of the band below.' as problem,
        'Lower it.' as remedy
    from band_steps
    where
        coalesce(hold_margin, -1) < 0
        or (lower_margin is null and hold_margin <> 0)
        or lower_edge - hold_margin < below_edge + lower_margin
),

scoring_blanks as (
    select
        'scoring/health_model_versions.csv' as file_path,
        'the row of model_version ' || coalesce(model_version, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in model_version, track, segment, stage, effective_from, author_role, rationale, '
        || 'expected_effect.' as remedy
    from health_model_versions
    where
        model_version is null
        or track is null
        or segment is null
        or stage is null
        or effective_from is null
        or author_role is null
        or rationale is null
        or expected_effect is null
    union all
    select
        'scoring/health_metrics.csv' as file_path,
        'the row of metric ' || coalesce(metric, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in model_version, metric, signal.' as remedy
    from health_metrics
    where
        model_version is null
        or metric is null
        or signal is null
    union all
    select
        'scoring/health_weights.csv' as file_path,
        'the row of metric ' || coalesce(metric, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in model_version, metric.' as remedy
    from health_weights
    where
        model_version is null
        or metric is null
),

problems as (
    select file_path, row_key, problem, remedy from version_problems
    union all
    select file_path, row_key, problem, remedy from metric_problems
    union all
    select file_path, row_key, problem, remedy from weight_problems
    union all
    select file_path, row_key, problem, remedy from band_problems
    union all
    select file_path, row_key, problem, remedy from scoring_blanks
)

select * from problems
where problem is not null
