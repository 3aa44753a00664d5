-- noqa: disable=RF02
with

signals as (
    select * from {{ ref('signals') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
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

expansion_bands as (
    select * from {{ ref('expansion_bands') }}
),

expansion_triggers as (
    select * from {{ ref('expansion_triggers') }}
),

expansion_horizons as (
    select * from {{ ref('expansion_horizons') }}
),

arr_scenarios as (
    select * from {{ ref('arr_scenarios') }}
),

arr_scenario_steps as (
    select * from {{ ref('arr_scenario_steps') }}
),

arr_scenario_cohorts as (
    select * from {{ ref('arr_scenario_cohorts') }}
),

opportunity_stages as (
    select * from {{ ref('opportunity_stages') }}
),

onboarding_retention_settings as (
    select * from {{ ref('onboarding_retention_settings') }}
),

onboarding_retention_assumptions as (
    select * from {{ ref('onboarding_retention_assumptions') }}
),

onboarding_experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

setting_problems as (
    select
        'expansion/expansion_settings.csv' as file_path,
        'the only row' as row_key,
        'there must be exactly one row, with a number in range in each cell.' as problem,
        'Let shares lie between 0 and 1, agree_points between 0 and 100, and counts be 1 or more.'
            as remedy
    from expansion_settings
    having
        count(*) <> 1
        or not coalesce(
            min(min_account_age_days) >= 0
            and min(coverage_floor) between 0 and 1
            and min(agree_points) > 0
            and min(agree_points) <= 100
            and min(min_agreeing) >= 1
            and min(min_days_held) >= 0
            and min(min_held_share) between 0 and 1
            and min(min_core_share) between 0 and 1
            and min(min_leads) >= 1,
            false
        )
    union all
    select
        'reference/onboarding_retention_settings.csv' as file_path,
        'the only row' as row_key,
        'there must be exactly one row, with a number in range in each cell.' as problem,
        'Let min_weight_share lie over 0 and up to 1, and days and min_accounts be 1 or more.'
            as remedy
    from onboarding_retention_settings
    having
        count(*) <> 1
        or not coalesce(
            min(min_weight_share) > 0
            and min(min_weight_share) <= 1
            and min(by_day) >= 1
            and min(follow_up_days) >= 1
            and min(min_accounts) >= 1,
            false
        )
),

indicator_problems as (
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
        'indicator ' || coalesce(indicator, 'nothing') as row_key,
        case
            when
                indicator is null or count(is_core) < count(*) or coalesce(min(weight), -1) < 0
                then 'indicator and is_core must be there, and the weight 0 or more.'
            when count(*) > 1 then 'the indicator stands more than once.'
            when indicator not in (select s.indicator from expansion_signals as s)
                then 'the indicator is read from no signal.'
        end as problem,
        'Keep one row an indicator, with a row of expansion_signals.csv at least.' as remedy
    from expansion_indicators
    group by indicator
),

signal_problems as (
    select
        'expansion/expansion_signals.csv' as file_path,
        'indicator ' || coalesce(expansion_signals.indicator, 'nothing') || ', signal '
        || coalesce(expansion_signals.signal, 'nothing') as row_key,
        case
            when
                expansion_signals.indicator is null
                or expansion_signals.choice is null
                or expansion_signals.signal is null
                or expansion_signals.measure is null
                then 'a cell is blank that must be filled.'
            when
                expansion_signals.indicator not in (
                    select i.indicator from expansion_indicators as i where i.indicator is not null
                )
                then 'unknown indicator.'
            when signals.signal is null
                then 'the signal is unknown, or rests on milestones.'
            when expansion_signals.measure not in ('level', 'growth')
                then 'unknown measure ' || expansion_signals.measure || '.'
            when
                expansion_signals.lookback_days <= 0
                or (
                    expansion_signals.measure = 'growth' and expansion_signals.lookback_days is null
                )
                then 'growth needs lookback_days, and they are 1 or more.'
        end as problem,
        'Use an indicator of expansion_indicators.csv, a signal of signals.csv, level or growth.'
            as remedy
    from expansion_signals
    left join signals
        on expansion_signals.signal = signals.signal and signals.category <> 'milestones'
    union all
    select
        'expansion/expansion_signals.csv' as file_path,
        'indicator ' || indicator || ', choice ' || cast(choice as {{ dbt.type_string() }})
            as row_key,
        'the choice stands more than once.' as problem,
        'Number the signals of an indicator 1, 2 and so on.' as remedy
    from expansion_signals
    group by indicator, choice
    having count(*) > 1
    union all
    select
        'expansion/expansion_signals.csv' as file_path,
        'indicator ' || indicator || ', signal ' || signal as row_key,
        'the signal stands more than once.' as problem,
        'Keep one row.' as remedy
    from expansion_signals
    group by indicator, signal
    having count(*) > 1
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

rubric_problems as (
    select
        'expansion/expansion_rubrics.csv' as file_path,
        'indicator ' || coalesce(indicator, 'nothing') || ', signal '
        || coalesce(signal, 'nothing') || ', from_value '
        || coalesce(cast(from_value as {{ dbt.type_string() }}), 'nothing') as row_key,
        case
            when not coalesce(points between 0 and 100, false)
                then 'the points must lie between 0 and 100.'
            when coalesce(trend, 'nothing') not in ('any', 'rising')
                then 'unknown trend ' || coalesce(trend, 'nothing') || '.'
            when from_value >= to_value then 'the step ends before it starts.'
        end as problem,
        'Use trend any or rising, and from_value below to_value.' as remedy
    from expansion_rubrics
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
        'the pair is none of expansion_signals.csv, or rises without lookback_days there.'
            as problem,
        'Add the pair there, or lookback_days to it.' as remedy
    from expansion_rubrics
    left join expansion_signals
        on
            expansion_rubrics.indicator = expansion_signals.indicator
            and expansion_rubrics.signal = expansion_signals.signal
    group by expansion_rubrics.indicator, expansion_rubrics.signal
    having
        count(expansion_signals.signal) = 0
        or sum(
            case
                when
                    expansion_rubrics.trend = 'rising' and expansion_signals.lookback_days is null
                    then 1
                else 0
            end
        ) > 0
),

band_problems as (
    select
        'expansion/expansion_bands.csv' as file_path,
        'the lower edges' as row_key,
        'the lowest band must start at 0 and no two at the same edge or with the same name.'
            as problem,
        'Correct lower_edge and band.' as remedy
    from expansion_bands
    having
        coalesce(min(lower_edge), -1) <> 0
        or count(distinct lower_edge) <> count(*)
        or count(distinct band) <> count(*)
    union all
    select
        'expansion/expansion_bands.csv' as file_path,
        'band ' || coalesce(band, 'nothing') as row_key,
        'a cell is blank or out of range.' as problem,
        'Let lower_edge lie up to 100, expected_conversion between 0 and 1, expected_uplift be 0 '
        || 'or more, and fill in hands_over, owner_role and action.' as remedy
    from expansion_bands
    where
        not coalesce(
            lower_edge <= 100
            and expected_conversion between 0 and 1
            and expected_uplift >= 0
            and hands_over is not null
            and owner_role is not null
            and action is not null,
            false
        )
),

trigger_problems as (
    select
        'expansion/expansion_triggers.csv' as file_path,
        'trigger ' || coalesce(expansion_triggers.trigger, 'nothing') as row_key,
        'the trigger stands twice, its signal is unknown or rests on milestones, or its operator '
        || 'or threshold is missing.' as problem,
        'Use a signal of signals.csv, one of >=, >, <= and <, and a number.' as remedy
    from expansion_triggers
    left join signals
        on expansion_triggers.signal = signals.signal and signals.category <> 'milestones'
    group by expansion_triggers.trigger
    having
        expansion_triggers.trigger is null
        or count(*) > 1
        or count(signals.signal) <> count(*)
        or count(expansion_triggers.threshold) <> count(*)
        or sum(case when expansion_triggers.operator in ('>=', '>', '<=', '<') then 1 else 0 end)
        <> count(*)
    union all
    select
        'expansion/expansion_horizons.csv' as file_path,
        'horizon_days ' || coalesce(cast(horizon_days as {{ dbt.type_string() }}), 'nothing')
            as row_key,
        'a horizon must be 1 day or more and stand once.' as problem,
        'Correct the row, or remove it.' as remedy
    from expansion_horizons
    group by horizon_days
    having count(*) > 1 or coalesce(horizon_days, 0) < 1
    union all
    select
        'reference/opportunity_stages.csv' as file_path,
        'kind ' || coalesce(kind, 'nothing') || ', stage ' || coalesce(stage, 'nothing')
            as row_key,
        'the pair stands twice, or its outcome is neither won nor lost.' as problem,
        'Keep one row with outcome won or lost; a stage without a row leaves it open.' as remedy
    from opportunity_stages
    group by kind, stage
    having
        count(*) > 1
        or kind is null
        or stage is null
        or sum(case when outcome in ('won', 'lost') then 1 else 0 end) <> count(*)
),

scenario_problems as (
    select
        'expansion/arr_scenarios.csv' as file_path,
        'scenario ' || coalesce(scenario, 'nothing') as row_key,
        'it stands twice, or an input is missing or out of range.' as problem,
        'Let conversion_rate and net_factor lie between 0 and 1, and expansion_multiple be 1 or '
        || 'more.' as remedy
    from arr_scenarios
    group by scenario
    having
        scenario is null
        or count(*) > 1
        or not coalesce(
            min(conversion_rate) between 0 and 1
            and min(net_factor) between 0 and 1
            and min(expansion_multiple) >= 1,
            false
        )
    union all
    select
        'expansion/arr_scenario_steps.csv' as file_path,
        'input ' || coalesce(input, 'nothing') as row_key,
        'the input is unknown or stands twice, or its step is not above 0.' as problem,
        'Use conversion_rate, expansion_multiple or net_factor, once each.' as remedy
    from arr_scenario_steps
    group by input
    having
        coalesce(input, 'nothing') not in ('conversion_rate', 'expansion_multiple', 'net_factor')
        or count(*) > 1
        or coalesce(min(step), 0) <= 0
    union all
    select
        'expansion/arr_scenario_cohorts.csv' as file_path,
        'cohort ' || coalesce(cohort, 'nothing') as row_key,
        'it stands twice, or has no account or no ARR.' as problem,
        'Keep one row with accounts 1 or more and arr_per_account 0 or more.' as remedy
    from arr_scenario_cohorts
    group by cohort
    having
        cohort is null
        or count(*) > 1
        or coalesce(min(accounts), 0) < 1
        or coalesce(min(arr_per_account), -1) < 0
),

retention_problems as (
    select
        'reference/onboarding_retention_assumptions.csv' as file_path,
        'assumption ' || coalesce(assumption, 'nothing') as row_key,
        'it stands twice or is named randomised, or a share is out of range.' as problem,
        'Let causal_share lie between 0 and 1 and baseline_annual_churn, where it is there, too.'
            as remedy
    from onboarding_retention_assumptions
    group by assumption
    having
        coalesce(assumption, 'randomised') = 'randomised'
        or count(*) > 1
        or not coalesce(min(causal_share) between 0 and 1, false)
        or not coalesce(min(baseline_annual_churn) between 0 and 1, true)
    union all
    select
        'reference/onboarding_experiments.csv' as file_path,
        'experiment_id ' || coalesce(experiment_id, 'nothing') as row_key,
        'it stands twice, or its two variants are not two.' as problem,
        'Keep one row with two different variants.' as remedy
    from onboarding_experiments
    group by experiment_id
    having
        coalesce(experiment_id, 'completed_onboarding') = 'completed_onboarding'
        or count(*) > 1
        or not coalesce(min(control_variant) <> min(treatment_variant), false)
),

problems as (
    select file_path, row_key, problem, remedy from setting_problems
    union all
    select file_path, row_key, problem, remedy from indicator_problems
    union all
    select file_path, row_key, problem, remedy from signal_problems
    union all
    select file_path, row_key, problem, remedy from rubric_problems
    union all
    select file_path, row_key, problem, remedy from band_problems
    union all
    select file_path, row_key, problem, remedy from trigger_problems
    union all
    select file_path, row_key, problem, remedy from scenario_problems
    union all
    select file_path, row_key, problem, remedy from retention_problems
)

select * from problems
where problem is not null
