-- noqa: disable=RF02
with

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

journeys as (
    select * from {{ ref('journeys') }}
),

milestone_catalog as (
    select * from {{ ref('milestone_catalog') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

event_schemas as (
    select * from {{ ref('event_schemas') }}
),

signals as (
    select * from {{ ref('signals') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

sla_targets as (
    select * from {{ ref('sla_targets') }}
),

exchange_rates as (
    select * from {{ ref('exchange_rates') }}
),

lifecycle_stages as (
    select * from {{ ref('lifecycle_stages') }}
),

excluded_days as (
    select * from {{ ref('excluded_days') }}
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

drift_thresholds as (
    select * from {{ ref('drift_thresholds') }}
),

volume_rules as (
    select * from {{ ref('volume_rules') }}
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

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

lift_targets as (
    select * from {{ ref('lift_targets') }}
),

event_subjects as (
    select event_type as subject from tracking_plan
    union
    select event_type as subject from event_schemas
    union
    select 'role:' || role as subject from tracking_plan
    where role is not null
),

tracking_plan_problems as (
    select
        'catalog/tracking_plan.csv' as file_path,
        'event_type ' || event_type as row_key,
        'the event type stands '
        || cast(count(*) as {{ dbt.type_string() }})
        || ' times.' as problem,
        'Keep one row.' as remedy
    from tracking_plan
    group by event_type
    having count(*) > 1
    union all
    select
        'catalog/tracking_plan.csv' as file_path,
        'event_type ' || event_type as row_key,
        'unknown role ' || role || '.' as problem,
        'Use login, core, value, error, api_call, guided_task, invite, configuration or nothing.'
            as remedy
    from tracking_plan
    where
        role not in (
            'login', 'core', 'value', 'error', 'api_call', 'guided_task', 'invite', 'configuration'
        )
),

journey_problems as (
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from journeys
    group by product_category, segment
    having count(*) > 1
    union all
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'unknown journey ' || journey || '.' as problem,
        'Name a journey of milestone_catalog.csv.' as remedy
    from journeys
    where journey not in (select journey from milestone_catalog)
    union all
    select
        'catalog/journeys.csv' as file_path,
        'product_category ' || product_category || ', segment ' || segment as row_key,
        'unknown segment.' as problem,
        'Use any or a segment of size_classes.csv.' as remedy
    from journeys
    where segment <> 'any' and segment not in (select segment from size_classes)
),

catalog_problems as (
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey as row_key,
        'the weights sum to ' || cast(sum(weight) as {{ dbt.type_string() }}) || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from milestone_catalog
    group by journey
    having sum(weight) <> 1
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey as row_key,
        'it has ' || cast(count(*) as {{ dbt.type_string() }}) || ' milestones.' as problem,
        'Keep at most 10.' as remedy
    from milestone_catalog
    group by journey
    having count(*) > 10
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey || ', milestone_id ' || milestone_id as row_key,
        'the milestone stands more than once.' as problem,
        'Keep one row.' as remedy
    from milestone_catalog
    group by journey, milestone_id
    having count(*) > 1
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'journey ' || journey || ', milestone_id ' || milestone_id as row_key,
        'weight and deadline_days must be there and not negative.' as problem,
        'Fill them in.' as remedy
    from milestone_catalog
    where coalesce(weight, -1) < 0 or coalesce(deadline_days, -1) < 0
    union all
    select
        'catalog/milestone_catalog.csv' as file_path,
        'milestone_id ' || milestone_id as row_key,
        'no exit criterion.' as problem,
        'Add a row of phase exit to milestone_criteria.csv.' as remedy
    from milestone_catalog
    where milestone_id not in (select milestone_id from milestone_criteria where phase = 'exit')
),

criteria_problems as (
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', ' || phase || ', subject ' || subject as row_key,
        case
            when milestone_id not in (select milestone_id from milestone_catalog)
                then 'unknown milestone.'
            when phase not in ('entry', 'exit') then 'unknown phase.'
            when measure not in ('event_count', 'event_users', 'event_user_share', 'signal')
                then 'unknown measure ' || measure || '.'
            when measure = 'signal' and subject not in (select signal from signals)
                then 'unknown signal ' || subject || '.'
            when
                measure = 'signal'
                and subject in (select signal from signals where category = 'milestones')
                then 'a milestone cannot rest on the signal '
                    || subject
                    || ', which rests on milestones.'
            when measure <> 'signal' and subject not in (select subject from event_subjects)
                then 'unknown event ' || subject || '.'
            when operator not in ('>=', '>', '<=', '<') then 'unknown operator ' || operator || '.'
            when measure <> 'signal' and operator not in ('>=', '>')
                then 'an event measure only grows, so it cannot be bounded from above.'
            when threshold is null or sustained_days is null or sustained_days < 1
                then 'threshold and sustained_days must be there, sustained_days at least 1.'
        end as problem,
        'Use a milestone of milestone_catalog.csv, a signal of signals.csv, an event type or '
        || 'role:<role> of tracking_plan.csv, or an event type of event_schemas.csv.' as remedy
    from milestone_criteria
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'milestone_id ' || milestone_id || ', ' || phase || ', subject ' || subject as row_key,
        'the criterion stands more than once.' as problem,
        'Keep one row.' as remedy
    from milestone_criteria
    group by milestone_id, phase, measure, subject, operator, threshold
    having count(*) > 1
),

activation_problems as (
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || activation_milestones.product_category
        || ', persona ' || activation_milestones.persona as row_key,
        'milestone '
        || activation_milestones.milestone_id
        || ' is in no journey of the category.' as problem,
        'Name a milestone of one of its journeys.' as remedy
    from activation_milestones
    left join journeys
        on activation_milestones.product_category = journeys.product_category
    left join milestone_catalog
        on
            journeys.journey = milestone_catalog.journey
            and activation_milestones.milestone_id = milestone_catalog.milestone_id
    group by
        activation_milestones.product_category,
        activation_milestones.persona,
        activation_milestones.milestone_id
    having count(milestone_catalog.milestone_id) = 0
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || product_category || ', persona ' || persona as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from activation_milestones
    group by product_category, persona
    having count(*) > 1
    union all
    select
        'catalog/activation_milestones.csv' as file_path,
        'product_category ' || journeys.product_category as row_key,
        'the category needs exactly one primary activation milestone.' as problem,
        'Set is_primary to true on one row.' as remedy
    from (select distinct product_category from journeys) as journeys
    left join activation_milestones
        on journeys.product_category = activation_milestones.product_category
    group by journeys.product_category
    having sum(case when activation_milestones.is_primary then 1 else 0 end) <> 1
),

reference_problems as (
    select
        'reference/exchange_rates.csv' as file_path,
        'currency ' || currency as row_key,
        'a currency needs one positive rate.' as problem,
        'Keep one row with a rate above 0.' as remedy
    from exchange_rates
    group by currency
    having count(*) > 1 or min(coalesce(rate_to_reporting_currency, 0)) <= 0
    union all
    select
        'reference/size_classes.csv' as file_path,
        'segment with min_seats 0 and min_arr 0' as row_key,
        'exactly one class must start at zero.' as problem,
        'Add or remove one.' as remedy
    from size_classes
    having sum(case when min_seats = 0 and min_arr = 0 then 1 else 0 end) <> 1
    union all
    select
        'reference/sla_targets.csv' as file_path,
        'priority ' || priorities.priority as row_key,
        'the priority needs exactly one target.' as problem,
        'Keep one row.' as remedy
    from (
        select 'low' as priority
        union all
        select 'normal' as priority
        union all
        select 'high' as priority
        union all
        select 'urgent' as priority
    ) as priorities
    left join sla_targets
        on priorities.priority = sla_targets.priority
    group by priorities.priority
    having count(sla_targets.first_response_hours) <> 1
    union all
    select
        'reference/lifecycle_stages.csv' as file_path,
        'from_day 0' as row_key,
        'the first stage must start at day 0 and no two at the same day.' as problem,
        'Correct from_day.' as remedy
    from lifecycle_stages
    having
        coalesce(min(from_day), -1) <> 0
        or count(distinct from_day) <> count(*)
        or count(distinct stage) <> count(*)
    union all
    select
        'reference/signals.csv' as file_path,
        'signal ' || signal as row_key,
        'the signal stands more than once.' as problem,
        'Keep one row.' as remedy
    from signals
    group by signal
    having count(*) > 1
),

monitoring_problems as (
    select
        'reference/excluded_days.csv' as file_path,
        'the row of event_type ' || coalesce(event_type, 'nothing') as row_key,
        case
            when
                event_type is null
                or excluded_from is null
                or excluded_to is null
                or reason is null
                then 'a cell is blank that must be filled.'
            when excluded_to < excluded_from then 'it ends before it starts.'
            when event_type in (select event_type from event_schemas)
                then 'only product events can be taken out, and this is one of another stream.'
        end as problem,
        'Fill in event_type (of a product event, or any), excluded_from, excluded_to, reason.'
            as remedy
    from excluded_days
    union all
    select
        'reference/drift_settings.csv' as file_path,
        'the only row' as row_key,
        'there must be exactly one row, with numbers above 0.' as problem,
        'Correct it.' as remedy
    from drift_settings
    having
        count(*) <> 1
        or coalesce(min(reference_weeks), 0) <= 0
        or coalesce(min(min_accounts), 0) <= 0
        or coalesce(min(bucket_count), 0) <= 0
        or coalesce(min(smoothing), 0) <= 0
        or coalesce(min(churn_horizon_days), 0) <= 0
    union all
    select
        'reference/drift_thresholds.csv' as file_path,
        'measure ' || measures.measure as row_key,
        'the measure needs one row with warn_at up to alert_at and a noise_multiple.' as problem,
        'Correct the row, or add it.' as remedy
    from (
        select 'psi' as measure
        union all
        select 'mean_shift' as measure
        union all
        select 'coverage' as measure
        union all
        select 'status_share' as measure
        union all
        select 'churn_rate' as measure
        union all
        select 'calibration' as measure
    ) as measures
    left join drift_thresholds
        on
            measures.measure = drift_thresholds.measure
            and drift_thresholds.noise_multiple >= 0
            and drift_thresholds.warn_at <= drift_thresholds.alert_at
    group by measures.measure
    having count(drift_thresholds.measure) <> 1
    union all
    select
        'reference/volume_rules.csv' as file_path,
        'source ' || sources.source as row_key,
        'the stream needs one row without a blank, with min_reference_weeks from 1 to '
        || 'reference_weeks.' as problem,
        'Correct the row, or add it.' as remedy
    from (
        select distinct source from event_schemas
        union
        select 'product' as source
    ) as sources
    left join volume_rules
        on
            sources.source = volume_rules.source
            and volume_rules.min_reference_weeks between 1 and volume_rules.reference_weeks
            and volume_rules.settle_days >= 0
            and volume_rules.min_robust_z > 0
            and volume_rules.min_ratio >= 1
            and volume_rules.silent_days > 0
            and volume_rules.silent_expected > 0
            and volume_rules.report_days >= 0
    group by sources.source
    having count(volume_rules.source) <> 1
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

blank_problems as (
    select
        'catalog/tracking_plan.csv' as file_path,
        'the row of event_type ' || coalesce(event_type, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in event_type.' as remedy
    from tracking_plan
    where
        event_type is null
    union all
    select
        'catalog/journeys.csv' as file_path,
        'the row of journey ' || coalesce(journey, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in product_category, segment, journey.' as remedy
    from journeys
    where
        product_category is null
        or segment is null
        or journey is null
    union all
    select
        'catalog/milestone_criteria.csv' as file_path,
        'the row of milestone_id ' || coalesce(milestone_id, 'nothing') as row_key,
        'a cell is blank that must be filled.' as problem,
        'Fill in milestone_id, phase, measure, subject, operator.' as remedy
    from milestone_criteria
    where
        milestone_id is null
        or phase is null
        or measure is null
        or subject is null
        or operator is null
    union all
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

validation_problems as (
    select
        'reference/validation_horizons.csv' as file_path,
        'horizon_days ' || cast(horizon_days as {{ dbt.type_string() }}) as row_key,
        'the horizon stands ' || cast(count(*) as {{ dbt.type_string() }}) || ' times.' as problem,
        'Keep one row.' as remedy
    from validation_horizons
    group by horizon_days
    having count(*) > 1
    union all
    select
        'reference/validation_horizons.csv' as file_path,
        'horizon_days ' || coalesce(cast(horizon_days as {{ dbt.type_string() }}), 'nothing')
            as row_key,
        'a number is missing or out of range.' as problem,
        'Let shares lie over 0 and sum to less than 1, and days, bins and minima be 1 or more.'
            as remedy
    from validation_horizons
    where
        not coalesce(
            horizon_days >= 1
            and lead_gap_days >= 0
            and train_share > 0
            and validation_share > 0
            and train_share + validation_share < 1
            and worst_share > 0
            and worst_share <= 1
            and probability_bins >= 1
            and prior_weight >= 1
            and min_observations >= 1
            and min_churners >= 1
            and min_auc >= 0
            and min_recall >= 0
            and min_high_risk_recall >= 0,
            false
        )
    union all
    select
        'reference/validation_horizons.csv' as file_path,
        'horizon_days ' || cast(horizon_days as {{ dbt.type_string() }}) as row_key,
        'high_risk_band ' || coalesce(high_risk_band, 'nothing')
        || ' is no band of health_bands.csv.' as problem,
        'Name the band of the accounts at high risk.' as remedy
    from validation_horizons
    where
        high_risk_band is null
        or high_risk_band not in (select health_bands.band from health_bands)
    union all
    select
        'reference/lift_targets.csv' as file_path,
        'the buckets' as row_key,
        'they do not count from 1 without a gap.' as problem,
        'Number the rows 1, 2, 3 and so on.' as remedy
    from lift_targets
    having
        coalesce(min(bucket), 0) <> 1
        or max(bucket) <> count(*)
        or count(distinct bucket) <> count(*)
),

problems as (
    select file_path, row_key, problem, remedy from blank_problems
    union all
    select file_path, row_key, problem, remedy from validation_problems
    union all
    select file_path, row_key, problem, remedy from tracking_plan_problems
    union all
    select file_path, row_key, problem, remedy from journey_problems
    union all
    select file_path, row_key, problem, remedy from catalog_problems
    union all
    select file_path, row_key, problem, remedy from criteria_problems
    union all
    select file_path, row_key, problem, remedy from activation_problems
    union all
    select file_path, row_key, problem, remedy from reference_problems
    union all
    select file_path, row_key, problem, remedy from monitoring_problems
    union all
    select file_path, row_key, problem, remedy from version_problems
    union all
    select file_path, row_key, problem, remedy from metric_problems
    union all
    select file_path, row_key, problem, remedy from weight_problems
    union all
    select file_path, row_key, problem, remedy from band_problems
)

select * from problems
where problem is not null
