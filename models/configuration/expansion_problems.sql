-- Contradictions within seeds/expansion and retention, which the checks of single cells
-- (column_problems) cannot find. One row per problem.
with

signals as (
    select * from {{ ref('signals') }}
),

expansion_indicators as (
    select * from {{ ref('expansion_indicators') }}
),

expansion_signals as (
    select * from {{ ref('expansion_signals') }}
),

expansion_rubrics as (
    select * from {{ ref('expansion_rubrics') }}
),

expansion_triggers as (
    select * from {{ ref('expansion_triggers') }}
),

onboarding_retention_assumptions as (
    select * from {{ ref('onboarding_retention_assumptions') }}
),

onboarding_experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

experiment_metrics as (
    select * from {{ ref('experiment_metrics') }}
),

named_signals as (
    select
        'expansion/expansion_signals.csv' as file_path,
        'indicator ' || indicator || ', signal ' || signal as row_key,
        signal
    from expansion_signals
    union all
    select
        'expansion/expansion_triggers.csv' as file_path,
        'trigger ' || trigger as row_key,
        signal
    from expansion_triggers
),

steps as (
    select
        expansion_rubrics.*,
        row_number() over (
            partition by indicator, signal
            order by case when from_value is null then 0 else 1 end, from_value
        ) as step_number,
        lead(from_value) over (
            partition by indicator, signal
            order by case when from_value is null then 0 else 1 end, from_value
        ) as next_from_value,
        lead(points) over (
            partition by indicator, signal
            order by case when from_value is null then 0 else 1 end, from_value
        ) as next_points
    from expansion_rubrics
    where trend = 'any'
),

problems as (
    select
        named_signals.file_path,
        named_signals.row_key,
        'the signal rests on milestones.' as problem,
        'Use another signal of signals.csv.' as remedy
    from named_signals
    inner join signals
        on named_signals.signal = signals.signal and signals.category = 'milestones'
    union all
    select
        'expansion/expansion_indicators.csv' as file_path,
        'the weights' as row_key,
        'they sum to ' || cast(coalesce(sum(weight), 0) as {{ dbt.type_string() }}) || '.'
            as problem,
        'Change them so that they sum to 1.' as remedy
    from expansion_indicators
    having coalesce(sum(weight), 0) <> 1
    union all
    select
        'expansion/expansion_indicators.csv' as file_path,
        'the column is_core' as row_key,
        'no indicator is a core one, so nothing could qualify.' as problem,
        'Set is_core to true on one row at least.' as remedy
    from expansion_indicators
    having sum(case when is_core then 1 else 0 end) = 0
    union all
    select
        'expansion/expansion_indicators.csv' as file_path,
        'indicator ' || expansion_indicators.indicator as row_key,
        'the indicator is read from no signal.' as problem,
        'Add a row of it to expansion_signals.csv.' as remedy
    from expansion_indicators
    left join expansion_signals
        on expansion_indicators.indicator = expansion_signals.indicator
    where expansion_signals.indicator is null
    union all
    select
        'expansion/expansion_signals.csv' as file_path,
        'indicator ' || indicator || ', signal ' || signal as row_key,
        'the signal stands more than once.' as problem,
        'Keep one row.' as remedy
    from expansion_signals
    group by indicator, signal
    having count(*) > 1
    union all
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || indicator || ', signal ' || signal || ', from_value '
        || coalesce(cast(from_value as {{ dbt.type_string() }}), 'nothing') as row_key,
        case
            when
                (step_number = 1 and from_value is not null)
                or (step_number > 1 and from_value is null)
                or (
                    coalesce(to_value <> next_from_value, true)
                    and not (to_value is null and next_from_value is null)
                )
                then 'the steps of trend any leave a gap or overlap.'
            when next_points < points then 'a higher value would get fewer points.'
        end as problem,
        'Start with a blank from_value, end with a blank to_value, let each step start where '
        || 'the one before ends, with as many points or more.' as remedy
    from steps
    union all
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || expansion_signals.indicator || ', signal ' || expansion_signals.signal
            as row_key,
        'its points do not span 0 to 100.' as problem,
        'Let the lowest step give 0 points and the highest 100.' as remedy
    from expansion_signals
    left join expansion_rubrics
        on
            expansion_signals.indicator = expansion_rubrics.indicator
            and expansion_signals.signal = expansion_rubrics.signal
    group by expansion_signals.indicator, expansion_signals.signal
    having
        coalesce(min(expansion_rubrics.points), -1) <> 0
        or coalesce(max(expansion_rubrics.points), -1) <> 100
    union all
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || rising.indicator || ', signal ' || rising.signal || ', trend rising'
            as row_key,
        'its step is none of trend any, or has fewer points than that or more than the next.'
            as problem,
        'Give it the from_value and to_value of a step of trend any, and points from those of '
        || 'that step to those of the next.' as remedy
    from expansion_rubrics as rising
    left join steps
        on
            rising.indicator = steps.indicator
            and rising.signal = steps.signal
            and coalesce(rising.from_value = steps.from_value, steps.from_value is null)
            and coalesce(rising.to_value = steps.to_value, steps.to_value is null)
            and (rising.from_value is null) = (steps.from_value is null)
            and (rising.to_value is null) = (steps.to_value is null)
            and rising.points between steps.points and coalesce(steps.next_points, 100)
    where rising.trend = 'rising' and steps.indicator is null
    union all
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || expansion_rubrics.indicator || ', signal ' || expansion_rubrics.signal
            as row_key,
        'expansion_signals.csv does not read the indicator from the signal.' as problem,
        'Add the pair there.' as remedy
    from expansion_rubrics
    left join expansion_signals
        on
            expansion_rubrics.indicator = expansion_signals.indicator
            and expansion_rubrics.signal = expansion_signals.signal
    where expansion_signals.signal is null
    union all
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || expansion_rubrics.indicator || ', signal ' || expansion_rubrics.signal
        || ', trend rising' as row_key,
        'lookback_days is missing for it in expansion_signals.csv.' as problem,
        'Add it there.' as remedy
    from expansion_rubrics
    inner join expansion_signals
        on
            expansion_rubrics.indicator = expansion_signals.indicator
            and expansion_rubrics.signal = expansion_signals.signal
    where expansion_rubrics.trend = 'rising' and expansion_signals.lookback_days is null
    union all
    select
        'revenue/onboarding_retention_assumptions.csv' as file_path,
        'assumption randomised' as row_key,
        'it is the name of what experiments show.' as problem,
        'Choose another.' as remedy
    from onboarding_retention_assumptions
    where assumption = 'randomised'
    union all
    select
        'revenue/onboarding_experiments.csv' as file_path,
        'experiment_id ' || experiment_id as row_key,
        'its two variants are not two, or it is named completed_onboarding.' as problem,
        'Name two different variants, and the experiment otherwise.' as remedy
    from onboarding_experiments
    where control_variant = treatment_variant or experiment_id = 'completed_onboarding'
    union all
    select
        'revenue/experiment_metrics.csv' as file_path,
        'experiment_id ' || metrics.experiment_id || ', metric ' || metrics.metric as row_key,
        case
            when metrics.measure = 'wait' and experiments.kind = 'rollout'
                then 'a rollout is not judged by the wait.'
            when metrics.predicted_effect = case when metrics.measure = 'wait' then 1 else 0 end
                then 'predicted_effect says that nothing changes.'
            when
                metrics.baseline + metrics.predicted_effect <= 0
                or metrics.baseline + metrics.predicted_effect >= 1
                then 'baseline and predicted_effect give no share between 0 and 1.'
        end as problem,
        case
            when metrics.measure = 'wait' and experiments.kind = 'rollout'
                then 'Take first_value or retained.'
            else 'Predict another effect.'
        end as remedy
    from experiment_metrics as metrics
    inner join onboarding_experiments as experiments
        on metrics.experiment_id = experiments.experiment_id
)

select * from problems
where problem is not null
