-- noqa: disable=RF02
with

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

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

lift_targets as (
    select * from {{ ref('lift_targets') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

lookup_problems as (
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
        'reference/sla_targets.csv' as file_path,
        'is_default' as row_key,
        'exactly one priority is that of a ticket without one.' as problem,
        'Set is_default to true on one row.' as remedy
    from sla_targets
    having sum(case when is_default then 1 else 0 end) <> 1
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
        union distinct
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
    select file_path, row_key, problem, remedy from lookup_problems
    union all
    select file_path, row_key, problem, remedy from monitoring_problems
    union all
    select file_path, row_key, problem, remedy from validation_problems
)

select * from problems
where problem is not null
