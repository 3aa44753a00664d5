-- Contradictions within seeds/scoring, which the checks of single cells (column_problems) cannot
-- find. One row per problem.
with

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

metric_advice as (
    select * from {{ ref('metric_advice') }}
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

problems as (
    select
        'scoring/health_model_versions.csv' as file_path,
        'model_version ' || model_version as row_key,
        case
            when effective_to >= next_from or effective_to is null
                then 'its dates overlap those of ' || next_version || '.'
            else 'no version holds between its end and the start of ' || next_version || '.'
        end as problem,
        'Let effective_to be the day before the next effective_from.' as remedy
    from ordered_versions
    where
        next_from is not null and coalesce({{ add_days('effective_to', 1) }} <> next_from, true)
    union all
    select
        'scoring/health_model_versions.csv' as file_path,
        'model_version any' as row_key,
        'any is no name for a version.' as problem,
        'Choose another.' as remedy
    from health_model_versions
    where model_version = 'any'
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
    union all
    select
        'scoring/health_weights.csv' as file_path,
        'model_version ' || health_weights.model_version || ', metric ' || health_weights.metric
            as row_key,
        'health_metrics.csv describes the metric for other versions only.' as problem,
        'Add a row of the version, or of any, there.' as remedy
    from health_weights
    left join health_metrics
        on
            health_weights.metric = health_metrics.metric
            and health_metrics.model_version in (health_weights.model_version, 'any')
    where health_metrics.metric is null
    union all
    select distinct
        'scoring/metric_advice.csv' as file_path,
        'metric ' || health_metrics.metric as row_key,
        'the metric has no label.' as problem,
        'Add its row.' as remedy
    from health_metrics
    left join metric_advice
        on health_metrics.metric = metric_advice.metric
    where metric_advice.metric is null
    union all
    select
        'scoring/health_weights.csv' as file_path,
        'model_version ' || health_model_versions.model_version as row_key,
        'the weights sum to '
        || cast(coalesce(sum(health_weights.weight), 0) as {{ dbt.type_string() }})
        || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from health_model_versions
    left join health_weights
        on health_model_versions.model_version = health_weights.model_version
    group by health_model_versions.model_version
    having coalesce(sum(health_weights.weight), 0) <> 1
    union all
    select
        'scoring/health_bands.csv' as file_path,
        'model_version ' || health_model_versions.model_version as row_key,
        'the lowest band must start at 0 and no two at the same edge.' as problem,
        'Correct lower_edge.' as remedy
    from health_model_versions
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
        'hold_margin must be 0 for the lowest band, and not reach into that of the band below.'
            as problem,
        'Lower it.' as remedy
    from band_steps
    where
        (lower_margin is null and hold_margin <> 0)
        or lower_edge - hold_margin < below_edge + lower_margin
)

select * from problems
