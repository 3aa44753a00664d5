-- Tasks of a play, and what it did to the treated beside their matched untreated accounts, with
-- intervals and a verdict. One row per play (and all) and segment (and all).
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

scopes as (
    select * from {{ ref('int_play_scopes') }}
),

interventions as (
    select * from {{ ref('fct_interventions') }}
),

counts as (
    select * from {{ ref('int_play_counts') }}
),

effects as (
    select * from {{ ref('int_play_effects') }}
),

task_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        count(*) as task_count,
        sum(case when interventions.status in ('open', 'overdue') then 1 else 0 end)
            as open_count,
        sum(case when interventions.status = 'queued' then 1 else 0 end) as queued_count,
        sum(
            case
                when interventions.status in ('value_realised', 'renewed', 'recovered') then 1
                else 0
            end
        ) as moot_count,
        sum(case when interventions.status = 'completed' then 1 else 0 end) as completed_count,
        sum(case when interventions.status = 'lapsed' then 1 else 0 end) as lapsed_count,
        sum(case when interventions.is_treated then 1 else 0 end) as treated_count,
        count(distinct case when interventions.is_treated then interventions.account_id end)
            as treated_account_count,
        sum(case when interventions.is_late then 1 else 0 end) as late_count,
        {{ median('interventions.hours_to_action') }} as median_hours_to_action
    from interventions
    inner join scopes
        on
            interventions.play_id = scopes.play_id
            and interventions.segment = scopes.segment
    group by scopes.scope, scopes.segment_scope
),

-- Several tasks that an account got on one day are one call to act.
calls_to_act as (
    select
        scopes.scope,
        scopes.segment_scope,
        interventions.account_id,
        interventions.opened_on,
        max(
            case
                when
                    interventions.is_treated
                    and interventions.hours_to_action <= outcome_settings.act_within_hours
                    then 1
                else 0
            end
        ) as is_in_time,
        max(
            case
                when
                    {{ add_time(
                        'interventions.opened_at', 'outcome_settings.act_within_hours', 'hour'
                    ) }}
                    <= least(build_moment.known_at, build_moment.as_of_ends_at)
                    then 1
                else 0
            end
        ) as is_over
    from interventions
    cross join outcome_settings
    cross join build_moment
    inner join scopes
        on
            interventions.play_id = scopes.play_id
            and interventions.segment = scopes.segment
    where interventions.is_high_risk and interventions.status <> 'queued'
    group by
        scopes.scope,
        scopes.segment_scope,
        interventions.account_id,
        interventions.opened_on
),

call_counts as (
    select
        scope,
        segment_scope,
        count(*) as high_risk_count,
        sum(is_in_time) as high_risk_in_time_count
    from calls_to_act
    where is_in_time = 1 or is_over = 1
    group by scope, segment_scope
),

play_totals as (
    select
        counts.*,
        outcome_settings.window_days,
        outcome_settings.response_target,
        outcome_settings.act_within_hours,
        outcome_settings.act_within_target,
        outcome_settings.power_target,
        outcome_settings.gross_margin,
        outcome_settings.min_pairs,
        coalesce(task_counts.task_count, 0) as task_count,
        coalesce(task_counts.open_count, 0) as open_count,
        coalesce(task_counts.queued_count, 0) as queued_count,
        coalesce(task_counts.moot_count, 0) as moot_count,
        coalesce(task_counts.completed_count, 0) as completed_count,
        coalesce(task_counts.lapsed_count, 0) as lapsed_count,
        coalesce(task_counts.treated_count, 0) as treated_count,
        coalesce(task_counts.treated_account_count, 0) as treated_account_count,
        coalesce(task_counts.late_count, 0) as late_count,
        task_counts.median_hours_to_action,
        coalesce(call_counts.high_risk_count, 0) as high_risk_count,
        coalesce(call_counts.high_risk_in_time_count, 0) as high_risk_in_time_count,
        effects.treated_rate,
        effects.control_rate,
        effects.difference,
        effects.difference_lower,
        effects.difference_upper,
        effects.power,
        effects.required_per_arm,
        effects.score_change,
        effects.control_score_change,
        effects.score_difference,
        effects.score_difference_lower,
        effects.score_difference_upper,
        effects.churn_rate,
        effects.control_churn_rate,
        effects.kept_value,
        effects.roi_gross,
        effects.roi_net,
        effects.kept_value_lower,
        effects.kept_value_upper,
        effects.roi_net_lower,
        effects.roi_net_upper,
        effects.effective_pairs
    from counts
    cross join outcome_settings
    inner join effects
        on
            counts.play_id = effects.play_id
            and counts.segment = effects.segment
    left join task_counts
        on
            counts.play_id = task_counts.scope
            and counts.segment = task_counts.segment_scope
    left join call_counts
        on
            counts.play_id = call_counts.scope
            and counts.segment = call_counts.segment_scope
),

plays_with_finding as (
    select
        play_totals.*,
        case
            when task_count = 0 then 'no_task'
            when treated_count = 0 then 'nobody_treated'
            when pair_count = 0 and window_open_count > 0 then 'too_young'
            when pair_count = 0 then 'nobody_to_compare'
            when pair_count < min_pairs then 'too_few_treated'
            when required_per_arm is null then 'nothing_to_gain'
            when pair_count < required_per_arm then 'too_few_treated'
            when difference_lower > 0 then 'helps'
            when difference_upper < 0 then 'harms'
            else 'no_difference'
        end as finding
    from play_totals
),

{%- set percent = 'cast(' ~ round_half_up('100 * {}', 1) ~ ' as ' ~ dbt.type_string() ~ ')' %}

outcomes as (
    select
        play_id,
        segment,
        play_name,
        tier,
        cast(task_count as bigint) as task_count,
        cast(open_count as bigint) as open_count,
        cast(queued_count as bigint) as queued_count,
        cast(moot_count as bigint) as moot_count,
        waiting_count,
        never_opened_count,
        cast(lapsed_count as bigint) as lapsed_count,
        cast(late_count as bigint) as late_count,
        cast(completed_count as bigint) as completed_count,
        cast(treated_count as bigint) as treated_count,
        cast(treated_account_count as bigint) as treated_account_count,
        {{ ratio('treated_count', 'completed_count') }} as response_rate,
        response_target,
        {{ round_half_up('median_hours_to_action', 2) }} as median_hours_to_action,
        cast(high_risk_count as bigint) as high_risk_count,
        cast(high_risk_in_time_count as bigint) as high_risk_in_time_count,
        {{ ratio('high_risk_in_time_count', 'high_risk_count') }} as high_risk_in_time_share,
        act_within_hours,
        act_within_target,
        window_days,
        not_eligible_count,
        none_untreated_count,
        no_match_count,
        window_open_count,
        compared_count,
        pair_count,
        {% for rate, name in {
            'treated_rate': 'green_rate', 'control_rate': 'control_green_rate',
            'difference': 'green_difference', 'difference_lower': 'green_difference_lower',
            'difference_upper': 'green_difference_upper'
        }.items() -%}
        case when pair_count >= min_pairs then {{ rate }} end as {{ name }},
        {% endfor -%}
        expected_lift,
        power,
        power_target,
        required_per_arm,
        scored_count,
        {% for change in ['score_change', 'control_score_change', 'score_difference',
            'score_difference_lower', 'score_difference_upper'] -%}
        case when scored_count >= min_pairs then {{ change }} end as {{ change }},
        {% endfor -%}
        case when compared_count >= min_pairs then churn_rate end as churn_rate,
        case when compared_count >= min_pairs then control_churn_rate end as control_churn_rate,
        compared_arr,
        gross_margin,
        {% for money in ['kept_value', 'kept_value_lower', 'kept_value_upper'] -%}
        case when finding in ('helps', 'harms', 'no_difference') then {{ money }} end
            as {{ money }},
        {% endfor -%}
        cost,
        {% for money in ['roi_gross', 'roi_net', 'roi_net_lower', 'roi_net_upper'] -%}
        case when finding in ('helps', 'harms', 'no_difference') then {{ money }} end
            as {{ money }},
        {% endfor -%}
        effective_pairs,
        finding,
        case finding
            when 'no_task' then 'no task was opened'
            when 'nobody_treated'
                then
                    'nobody was treated: ' || cast(task_count as {{ dbt.type_string() }})
                    || ' tasks, ' || cast(completed_count as {{ dbt.type_string() }})
                    || ' completed'
            when 'too_young'
                then
                    'no window is over yet: the first ends on '
                    || cast(first_window_ends_on as {{ dbt.type_string() }})
            when 'nobody_to_compare'
                then
                    'nobody to compare: ' || cast(treated_count as {{ dbt.type_string() }})
                    || ' treated; without a score, a contract or the trigger on the day before: '
                    || cast(not_eligible_count as {{ dbt.type_string() }})
                    || ', nobody untreated had the trigger: '
                    || cast(none_untreated_count as {{ dbt.type_string() }})
                    || ', nobody alike: ' || cast(no_match_count as {{ dbt.type_string() }})
                    || ', in the top band already: '
                    || cast(compared_count as {{ dbt.type_string() }})
            when 'nothing_to_gain' then 'nothing to gain: all turn green untreated'
            when 'too_few_treated'
                then
                    'too few treated: ' || cast(pair_count as {{ dbt.type_string() }})
                    || ', needs ' || cast(
                        greatest(min_pairs, coalesce(required_per_arm, min_pairs))
                        as {{ dbt.type_string() }}
                    )
            else
                case finding
                    when 'helps' then 'helps: '
                    when 'harms' then 'harms: '
                    else 'no difference shown: '
                end
                || {{ percent.format('treated_rate') }} || ' % turned green, '
                || {{ percent.format('control_rate') }} || ' % of those untreated; difference '
                || {{ percent.format('difference') }} || ' points ('
                || {{ percent.format('difference_lower') }} || ' to '
                || {{ percent.format('difference_upper') }} || ')'
        end as verdict
    from plays_with_finding
)

select * from outcomes
