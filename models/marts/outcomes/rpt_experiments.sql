{%- set z = var('confidence_z') -%}
{%- set points = 'cast(' ~ round_half_up('100 * ({})', 1) ~ ' as ' ~ dbt.type_string() ~ ')' -%}
{%- set days = 'cast(' ~ round_half_up('{}', 1) ~ ' as ' ~ dbt.type_string() ~ ')' -%}
{%- set p_text -%}
coalesce(
    cast(nullif({{ round_half_up('p_value_holm', 4) }}, 0) as {{ dbt.type_string() }}),
    'below 0.0001'
)
{%- endset -%}

-- The library of experiments: what each metric says of the treatment beside the control, whether
-- the arms are as planned, which effect could have been found. One row per experiment and metric.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

metrics as (
    select * from {{ ref('experiment_metrics') }}
),

arms as (
    select * from {{ ref('int_experiment_arms') }}
),

share_effects as (
    select * from {{ ref('int_experiment_effects') }}
),

wait_effects as (
    select * from {{ ref('rpt_ttv_comparisons') }}
    where dimension = 'experiment' and persona = 'primary'
),

arm_sizes as (
    select
        experiment_id,
        cast(sum(case when is_treatment then 0 else 1 end) as bigint) as assigned_control,
        cast(sum(case when is_treatment then 1 else 0 end) as bigint) as assigned_treatment
    from arms
    group by experiment_id
),

-- Chi-square test of one degree of freedom, as the square of a normal score.
arm_scores as (
    select
        arm_sizes.*,
        -abs(
            arm_sizes.assigned_treatment
            - {{ as_double('experiments.treatment_share') }}
            * (arm_sizes.assigned_control + arm_sizes.assigned_treatment)
        ) / sqrt(
            {{ as_double('experiments.treatment_share') }}
            * (1 - {{ as_double('experiments.treatment_share') }})
            * (arm_sizes.assigned_control + arm_sizes.assigned_treatment)
        ) as ratio_score
    from arm_sizes
    inner join experiments
        on arm_sizes.experiment_id = experiments.experiment_id
),

results as (
    select
        experiments.*,
        metrics.metric,
        metrics.measure,
        metrics.by_day,
        {{ as_double('metrics.baseline') }} as baseline,
        {{ as_double('metrics.predicted_effect') }} as predicted_effect,
        experiments.kind = 'rollout' as is_rollout,
        metrics.measure = 'wait' as is_wait,
        build_moment.as_of,
        {{ as_double('outcome_settings.power_z') }} as power_z,
        outcome_settings.sample_ratio_alpha,
        {{ as_double(z) }} as z,
        milestone_settings.min_at_risk,
        coalesce(arm_scores.assigned_control, 0) as assigned_control,
        coalesce(arm_scores.assigned_treatment, 0) as assigned_treatment,
        2 * {{ normal_cdf('arm_scores.ratio_score') }} as sample_ratio_p,
        coalesce(share_effects.waiting_accounts, 0) as waiting_accounts,
        {%- for arm, place in {'control': 'first', 'treated': 'second'}.items() %}
        coalesce(share_effects.{{ arm }}_accounts, wait_effects.{{ place }}_accounts, 0)
            as {{ arm }}_accounts,
        coalesce(share_effects.{{ arm }}_reached, wait_effects.{{ place }}_activated, 0)
            as {{ arm }}_reached,
        share_effects.{{ arm }}_share,
        coalesce(share_effects.{{ arm }}_before_accounts, 0) as {{ arm }}_before_accounts,
        share_effects.{{ arm }}_before_share,
        {%- endfor %}
        {{ as_double('share_effects.error') }} as error,
        coalesce(share_effects.effect, wait_effects.mean_days_difference) as effect,
        coalesce(share_effects.effect_lower, wait_effects.mean_days_difference_lower)
            as effect_lower,
        coalesce(share_effects.effect_upper, wait_effects.mean_days_difference_upper)
            as effect_upper,
        {{ as_double('coalesce(share_effects.p_value, wait_effects.p_value)') }} as p_value,
        coalesce(
            share_effects.effect > 0,
            wait_effects.second_activated > wait_effects.second_expected
        ) as is_better
    from metrics
    cross join build_moment
    cross join outcome_settings
    cross join milestone_settings
    inner join experiments
        on metrics.experiment_id = experiments.experiment_id
    left join arm_scores
        on metrics.experiment_id = arm_scores.experiment_id
    left join share_effects
        on
            metrics.experiment_id = share_effects.experiment_id
            and metrics.metric = share_effects.metric
    left join wait_effects
        on
            case when metrics.measure = 'wait' then metrics.experiment_id end
            = wait_effects.experiment_id
),

ranked_results as (
    select
        results.*,
        count(p_value) over (partition by experiment_id) as metrics_tested,
        row_number() over (
            partition by experiment_id, p_value is null order by p_value, metric
        ) as p_rank
    from results
),

corrected_results as (
    select
        ranked_results.*,
        {{ holm_p_value('p_value', 'p_rank', 'metrics_tested', 'experiment_id, p_value is null') }}
            as p_value_holm
    from ranked_results
),

-- What a test rests on under the predicted effect: sizes for one account in all (planned), and the
-- sizes there are (reached). A wait rests on the first values that were reached.
sizes as (
    select
        corrected_results.*,
        case when is_rollout then 0.5 else {{ as_double('treatment_share') }} end as planned_share,
        baseline + predicted_effect as predicted_share,
        {{ as_double('treated_accounts') }} / nullif(control_accounts + treated_accounts, 0)
            as real_share,
        {{ as_double('control_reached + treated_reached') }} as all_reached,
        {{ as_double('control_reached + treated_reached') }}
        / nullif(control_accounts + treated_accounts, 0) as pooled_share,
        case when p_value is not null then {{ as_double('treated_accounts') }} end as n_treated,
        case when p_value is not null then {{ as_double('control_accounts') }} end as n_control
    from corrected_results
),

spreads as (
    select
        sizes.*,
        case
            when is_wait then abs(ln(predicted_effect)) else abs(predicted_effect)
        end as distance,
        case
            when is_wait then sqrt(1 / (planned_share * (1 - planned_share)))
            when is_rollout
                then sqrt(8 * baseline * (1 - baseline))
            else
                sqrt(
                    (planned_share * predicted_share + (1 - planned_share) * baseline)
                    * (1 - planned_share * predicted_share - (1 - planned_share) * baseline)
                    / (planned_share * (1 - planned_share))
                )
        end as planned_null_spread,
        case
            when is_wait then sqrt(1 / (planned_share * (1 - planned_share)))
            when is_rollout
                then
                    sqrt(
                        6 * baseline * (1 - baseline)
                        + 2 * predicted_share * (1 - predicted_share)
                    )
            else
                sqrt(
                    predicted_share * (1 - predicted_share) / planned_share
                    + baseline * (1 - baseline) / (1 - planned_share)
                )
        end as planned_spread,
        case
            when is_wait then sqrt(1 / nullif(all_reached * real_share * (1 - real_share), 0))
            when is_rollout
                then
                    sqrt(
                        baseline * (1 - baseline) * (
                            1 / n_control + 1 / n_treated
                            + 1 / {{ as_double('nullif(control_before_accounts, 0)') }}
                            + 1 / {{ as_double('nullif(treated_before_accounts, 0)') }}
                        )
                    )
            else
                sqrt(
                    (real_share * predicted_share + (1 - real_share) * baseline)
                    * (1 - real_share * predicted_share - (1 - real_share) * baseline)
                    * (1 / n_control + 1 / n_treated)
                )
        end as null_spread,
        case
            when is_wait then sqrt(1 / nullif(all_reached * real_share * (1 - real_share), 0))
            when is_rollout
                then
                    sqrt(
                        baseline * (1 - baseline) * (
                            1 / n_control
                            + 1 / {{ as_double('nullif(control_before_accounts, 0)') }}
                            + 1 / {{ as_double('nullif(treated_before_accounts, 0)') }}
                        )
                        + predicted_share * (1 - predicted_share) / n_treated
                    )
            else
                sqrt(
                    predicted_share * (1 - predicted_share) / n_treated
                    + baseline * (1 - baseline) / n_control
                )
        end as spread,
        case
            when is_wait then null
            when is_rollout then error
            else sqrt(pooled_share * (1 - pooled_share) * (1 / n_control + 1 / n_treated))
        end as found_error
    from sizes
),

-- Two-sided test: power for the predicted effect, the size it needs, the smallest effect that the
-- size there is could show with that power.
powered_results as (
    select
        spreads.*,
        (z * planned_null_spread + power_z * planned_spread)
        * (z * planned_null_spread + power_z * planned_spread)
        / (distance * distance) as required,
        (distance - z * null_spread) / spread as power_score,
        (-distance - z * null_spread) / spread as other_power_score,
        case
            when p_value is null then null
            when not is_wait then (z + power_z) * found_error
            when (z + power_z) * spread < ln(1000) then exp((z + power_z) * spread)
        end as smallest_effect
    from spreads
),

results_with_finding as (
    select
        powered_results.*,
        case
            when
                least(control_accounts, treated_accounts) < min_at_risk
                or is_rollout
                and least(control_before_accounts, treated_before_accounts) < min_at_risk
                then 'too_few_accounts'
            when sample_ratio_p < sample_ratio_alpha then 'arms_not_as_planned'
            when p_value is null then 'nothing_to_compare'
            when p_value_holm >= 2 * (1 - {{ normal_cdf('z') }}) then 'no_effect_found'
            when is_better then 'better'
            else 'worse'
        end as finding
    from powered_results
),

experiment_results as (
    select
        experiment_id || '|' || metric as experiment_key,
        experiment_id,
        metric,
        kind,
        objective,
        hypothesis,
        belongs_to,
        decision_rule,
        starts_on,
        ends_on,
        case
            when as_of < starts_on then 'planned'
            when as_of <= ends_on or ends_on is null then 'running'
            else 'ended'
        end as status,
        measure,
        by_day,
        case when is_rollout then 'other segments' else control_variant end as control_arm,
        coalesce(rollout_segment, treatment_variant) as treatment_arm,
        cast(treatment_share as decimal(9, 6)) as planned_treatment_share,
        case when not is_rollout then assigned_control end as assigned_control,
        case when not is_rollout then assigned_treatment end as assigned_treatment,
        {{ round_half_up('sample_ratio_p', 10) }} as sample_ratio_p,
        case
            when is_rollout then 'not by lot: segments are compared'
            when sample_ratio_p is null then 'nobody is assigned'
            else
                case
                    when sample_ratio_p < sample_ratio_alpha then 'not as planned: '
                    else 'as planned: '
                end
                || cast(assigned_treatment as {{ dbt.type_string() }}) || ' of '
                || cast(assigned_control + assigned_treatment as {{ dbt.type_string() }})
                || ' in the treatment, planned '
                || {{ points.format(as_double('treatment_share')) }} || ' %, p '
                || coalesce(
                    cast(
                        nullif({{ round_half_up('sample_ratio_p', 4) }}, 0)
                        as {{ dbt.type_string() }}
                    ),
                    'below 0.0001'
                )
        end as sample_ratio,
        {%- for arm in ['control', 'treated'] %}
        cast({{ arm }}_accounts as bigint) as {{ arm }}_accounts,
        cast({{ arm }}_reached as bigint) as {{ arm }}_reached,
        {{ round_half_up(arm ~ '_share', 12) }} as {{ arm }}_share,
        case when is_rollout then cast({{ arm }}_before_accounts as bigint) end
            as {{ arm }}_before_accounts,
        {{ round_half_up(arm ~ '_before_share', 12) }} as {{ arm }}_before_share,
        {%- endfor %}
        waiting_accounts,
        case when is_wait then 'days' else 'share' end as effect_unit,
        {{ round_half_up('effect', 8) }} as effect,
        {{ round_half_up('effect_lower', 8) }} as effect_lower,
        {{ round_half_up('effect_upper', 8) }} as effect_upper,
        {{ round_half_up('p_value', 10) }} as p_value,
        cast(metrics_tested as bigint) as metrics_tested,
        case when p_value is not null then {{ round_half_up('p_value_holm', 10) }} end
            as p_value_holm,
        cast(baseline as decimal(9, 6)) as baseline,
        cast(predicted_effect as decimal(9, 6)) as predicted_effect,
        cast(ceil(required * (1 - planned_share) - 0.000000001) as bigint) as required_control,
        cast(ceil(required * planned_share - 0.000000001) as bigint) as required_treated,
        {{ round_half_up(normal_cdf('power_score') ~ ' + ' ~ normal_cdf('other_power_score'), 10) }}
            as power,
        {{ round_half_up('smallest_effect', 8) }} as smallest_effect,
        finding,
        case
            when finding <> 'too_few_accounts' and as_of <= coalesce(ends_on, as_of)
                then 'still running: '
            else ''
        end
        || case finding
            when 'too_few_accounts'
                then
                    'too few accounts: '
                    || case
                        when is_rollout
                            then
                                cast(control_before_accounts as {{ dbt.type_string() }}) || ' and '
                                || cast(treated_before_accounts as {{ dbt.type_string() }})
                                || ' before, '
                        else ''
                    end
                    || cast(control_accounts as {{ dbt.type_string() }}) || ' and '
                    || cast(treated_accounts as {{ dbt.type_string() }}) || ', needs '
                    || cast(min_at_risk as {{ dbt.type_string() }}) || ' each'
                    || case
                        when waiting_accounts > 0
                            then
                                '; ' || cast(waiting_accounts as {{ dbt.type_string() }})
                                || ' have not lived ' || cast(by_day as {{ dbt.type_string() }})
                                || ' days yet'
                        else ''
                    end
            when 'arms_not_as_planned'
                then 'the arms are not as planned, so nothing is read from it'
            when 'nothing_to_compare' then 'nothing to compare: all accounts had the same outcome'
            else
                case finding
                    when 'better' then 'better: '
                    when 'worse' then 'worse: '
                    else 'no effect found: '
                end
                || case
                    when is_wait
                        then
                            coalesce(
                                'the wait differs by ' || {{ days.format('effect') }} || ' days'
                                || coalesce(
                                    ' (' || {{ days.format('effect_lower') }} || ' to '
                                    || {{ days.format('effect_upper') }} || ')', ''
                                ), 'too few at risk for a mean wait'
                            )
                    else
                        {{ points.format('effect') }} || ' points ('
                        || {{ points.format('effect_lower') }} || ' to '
                        || {{ points.format('effect_upper') }} || ')'
                end
                || ', p ' || {{ p_text }}
                || case
                    when metrics_tested > 1
                        then
                            ' corrected for ' || cast(metrics_tested as {{ dbt.type_string() }})
                            || ' metrics'
                    else ''
                end
                || case
                    when finding <> 'no_effect_found' then ''
                    when is_wait
                        then
                            '; the smallest ratio of rates that so many could have shown is '
                            || coalesce(
                                cast(
                                    {{ round_half_up('smallest_effect', 2) }}
                                    as {{ dbt.type_string() }}
                                ), 'above 1000'
                            )
                    else
                        '; the smallest effect that so many could have shown is '
                        || {{ points.format('smallest_effect') }} || ' points'
                end
                || case
                    when is_rollout
                        then '; it holds if the segments would have moved alike without it'
                    else ''
                end
        end as verdict,
        outcome,
        learning
    from results_with_finding
)

select * from experiment_results
