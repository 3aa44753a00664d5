with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

playbooks as (
    select * from {{ ref('playbooks') }}
),

play_economics as (
    select * from {{ ref('play_economics') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

tasks as (
    select * from {{ ref('int_play_tasks') }}
),

interventions as (
    select * from {{ ref('fct_interventions') }}
),

pairs as (
    select
        pairs.*,
        play_economics.cost_per_task
    from {{ ref('int_play_pairs') }} as pairs
    inner join play_economics
        on pairs.tier = play_economics.tier
),

plays as (
    select play_id, play_id as scope from playbooks
    union all
    select play_id, 'all' as scope from playbooks
),

segments as (
    select segment, segment as segment_scope from size_classes
    union all
    select segment, 'all' as segment_scope from size_classes
),

scopes as (
    select
        plays.scope,
        segments.segment_scope,
        plays.play_id,
        segments.segment
    from plays
    cross join segments
),

rows_of_scopes as (
    select
        scopes.scope,
        scopes.segment_scope,
        max(playbooks.play_name) as play_name,
        max(playbooks.tier) as tier,
        min(playbooks.expected_lift) as expected_lift
    from scopes
    inner join playbooks
        on scopes.play_id = playbooks.play_id
    group by scopes.scope, scopes.segment_scope
),

turn_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        sum(case when tasks.turn = 'waiting' then 1 else 0 end) as waiting_count,
        sum(case when tasks.turn = 'never_opened' then 1 else 0 end) as never_opened_count
    from tasks
    inner join scopes
        on
            tasks.play_id = scopes.play_id
            and tasks.segment = scopes.segment
    group by scopes.scope, scopes.segment_scope
),

task_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        count(*) as task_count,
        sum(case when interventions.status in ('open', 'overdue') then 1 else 0 end)
            as open_count,
        sum(case when interventions.status = 'completed' then 1 else 0 end) as completed_count,
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
    where interventions.is_high_risk
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

pair_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        sum(case when pairs.comparison = 'compared' then 1 else 0 end) as compared_count,
        sum(case when pairs.comparison = 'window_open' then 1 else 0 end) as window_open_count,
        sum(case when pairs.comparison in ('no_match', 'not_scored') then 1 else 0 end)
            as unmatched_count,
        min(case when pairs.comparison = 'window_open' then pairs.window_ends_on end)
            as first_window_ends_on,
        count(pairs.converted) as pair_count,
        sum(pairs.converted * pairs.control_converted) as both_converted,
        sum(pairs.converted * (1 - pairs.control_converted)) as only_treated_converted,
        sum((1 - pairs.converted) * pairs.control_converted) as only_control_converted,
        sum(pairs.churned) as churned_count,
        sum(pairs.control_churned) as control_churned_count,
        count(pairs.score_change - pairs.control_score_change) as scored_count,
        sum(
            case when pairs.control_score_change is not null then pairs.score_change end
        ) as score_changes,
        sum(
            case when pairs.score_change is not null then pairs.control_score_change end
        ) as control_score_changes,
        sum(
            (pairs.score_change - pairs.control_score_change)
            * (pairs.score_change - pairs.control_score_change)
        ) as squared_differences,
        sum(case when pairs.comparison = 'compared' then pairs.arr end) as compared_arr,
        sum(case when pairs.comparison = 'compared' then pairs.cost_per_task end) as cost
    from pairs
    inner join scopes
        on
            pairs.play_id = scopes.play_id
            and pairs.segment = scopes.segment
    group by scopes.scope, scopes.segment_scope
),

counted as (
    select
        rows_of_scopes.scope as play_id,
        rows_of_scopes.segment_scope as segment,
        case when rows_of_scopes.scope <> 'all' then rows_of_scopes.play_name end as play_name,
        case when rows_of_scopes.scope <> 'all' then rows_of_scopes.tier end as tier,
        rows_of_scopes.expected_lift,
        outcome_settings.window_days,
        outcome_settings.response_target,
        outcome_settings.act_within_hours,
        outcome_settings.act_within_target,
        outcome_settings.power_target,
        outcome_settings.gross_margin,
        {{ as_double('outcome_settings.power_z') }} as power_z,
        coalesce(task_counts.task_count, 0) as task_count,
        coalesce(task_counts.open_count, 0) as open_count,
        coalesce(turn_counts.waiting_count, 0) as waiting_count,
        coalesce(turn_counts.never_opened_count, 0) as never_opened_count,
        coalesce(task_counts.completed_count, 0) as completed_count,
        coalesce(task_counts.treated_count, 0) as treated_count,
        coalesce(task_counts.treated_account_count, 0) as treated_account_count,
        coalesce(task_counts.late_count, 0) as late_count,
        task_counts.median_hours_to_action,
        coalesce(call_counts.high_risk_count, 0) as high_risk_count,
        coalesce(call_counts.high_risk_in_time_count, 0) as high_risk_in_time_count,
        coalesce(pair_counts.compared_count, 0) as compared_count,
        coalesce(pair_counts.window_open_count, 0) as window_open_count,
        coalesce(pair_counts.unmatched_count, 0) as unmatched_count,
        pair_counts.first_window_ends_on,
        coalesce(pair_counts.pair_count, 0) as pair_count,
        {{ as_double('nullif(pair_counts.pair_count, 0)') }} as n,
        {{ as_double('pair_counts.both_converted') }} as both_green,
        {{ as_double('pair_counts.only_treated_converted') }} as treated_green,
        {{ as_double('pair_counts.only_control_converted') }} as control_green,
        {{ as_double('pair_counts.churned_count') }}
        / nullif(pair_counts.compared_count, 0) as churn_rate,
        {{ as_double('pair_counts.control_churned_count') }}
        / nullif(pair_counts.compared_count, 0) as control_churn_rate,
        coalesce(pair_counts.scored_count, 0) as scored_count,
        {{ as_double('pair_counts.score_changes') }}
        / nullif(pair_counts.scored_count, 0) as score_change,
        {{ as_double('pair_counts.control_score_changes') }}
        / nullif(pair_counts.scored_count, 0) as control_score_change,
        {{ as_double('pair_counts.squared_differences') }} as squared_differences,
        pair_counts.compared_arr,
        case when pair_counts.compared_count > 0 then pair_counts.cost end as cost
    from rows_of_scopes
    cross join outcome_settings
    left join turn_counts
        on
            rows_of_scopes.scope = turn_counts.scope
            and rows_of_scopes.segment_scope = turn_counts.segment_scope
    left join task_counts
        on
            rows_of_scopes.scope = task_counts.scope
            and rows_of_scopes.segment_scope = task_counts.segment_scope
    left join call_counts
        on
            rows_of_scopes.scope = call_counts.scope
            and rows_of_scopes.segment_scope = call_counts.segment_scope
    left join pair_counts
        on
            rows_of_scopes.scope = pair_counts.scope
            and rows_of_scopes.segment_scope = pair_counts.segment_scope
),

rated as (
    select
        counted.*,
        (both_green + treated_green) / n as treated_rate,
        (both_green + control_green) / n as control_rate,
        (treated_green - control_green) / n as difference,
        both_green * (n - both_green - treated_green - control_green)
        - treated_green * control_green as cross_product,
        score_change - control_score_change as score_difference,
        case
            when scored_count > 1
                then
                    sqrt(
                        greatest(
                            squared_differences
                            - scored_count * (score_change - control_score_change)
                            * (score_change - control_score_change),
                            0
                        ) / (scored_count - 1) / scored_count
                    )
        end as score_standard_error,
        {{ as_double('compared_arr') }} * gross_margin * (control_churn_rate - churn_rate)
            as kept_value
    from counted
),

{%- set z = var('confidence_z') %}

-- Newcombe (1998), paired proportions, method 10: Wilson's intervals of both, and how far the
-- members of a pair agree.
intervals as (
    select
        rated.*,
        (treated_rate + {{ z * z }} / (2 * n)) / (1 + {{ z * z }} / n) as treated_centre,
        {{ z }} * sqrt(treated_rate * (1 - treated_rate) / n + {{ z * z }} / (4 * n * n))
        / (1 + {{ z * z }} / n) as treated_reach,
        (control_rate + {{ z * z }} / (2 * n)) / (1 + {{ z * z }} / n) as control_centre,
        {{ z }} * sqrt(control_rate * (1 - control_rate) / n + {{ z * z }} / (4 * n * n))
        / (1 + {{ z * z }} / n) as control_reach,
        coalesce(
            case
                when cross_product > 0 then greatest(cross_product - n / 2, 0) else cross_product
            end / sqrt(
                nullif(
                    treated_rate * (1 - treated_rate) * control_rate * (1 - control_rate)
                    * n * n * n * n, 0
                )
            ), 0
        ) as agreement
    from rated
),

arms as (
    select
        intervals.*,
        treated_rate - (treated_centre - treated_reach) as treated_below,
        treated_centre + treated_reach - treated_rate as treated_above,
        control_rate - (control_centre - control_reach) as control_below,
        control_centre + control_reach - control_rate as control_above
    from intervals
),

planned as (
    select
        arms.*,
        difference - sqrt(
            greatest(
                treated_below * treated_below
                - 2 * agreement * treated_below * control_above
                + control_above * control_above, 0
            )
        ) as difference_lower,
        difference + sqrt(
            greatest(
                treated_above * treated_above
                - 2 * agreement * treated_above * control_below
                + control_below * control_below, 0
            )
        ) as difference_upper,
        nullif(least({{ as_double('expected_lift') }}, 1 - control_rate), 0) as lift
    from arms
),

spread as (
    select
        planned.*,
        sqrt(2 * (control_rate + lift / 2) * (1 - control_rate - lift / 2)) as pooled_spread,
        sqrt(
            control_rate * (1 - control_rate)
            + (control_rate + lift) * greatest(1 - control_rate - lift, 0)
        ) as spread
    from planned
),

powered as (
    select
        spread.*,
        (lift * sqrt(n) - {{ z }} * pooled_spread) / nullif(spread, 0) as power_score,
        (-lift * sqrt(n) - {{ z }} * pooled_spread) / nullif(spread, 0) as other_power_score,
        cast(
            ceil(
                ({{ z }} * pooled_spread + power_z * spread)
                * ({{ z }} * pooled_spread + power_z * spread) / (lift * lift) - 0.000000001
            ) as bigint
        ) as required_per_arm
    from spread
),

found as (
    select
        powered.*,
        {{ normal_cdf('power_score') }} + {{ normal_cdf('other_power_score') }} as power,
        case
            when task_count = 0 then 'no_task'
            when treated_count = 0 then 'nobody_treated'
            when pair_count = 0 and window_open_count > 0 then 'too_young'
            when pair_count = 0 then 'nobody_to_compare'
            when required_per_arm is null then 'nothing_to_gain'
            when pair_count < required_per_arm then 'too_few_treated'
            when difference_lower > 0 then 'helps'
            when difference_upper < 0 then 'harms'
            else 'no_difference'
        end as finding
    from powered
),

worded as (
    select
        found.*,
        cast({{ round_half_up('100 * treated_rate', 1) }} as {{ dbt.type_string() }})
            as treated_rate_words,
        cast({{ round_half_up('100 * control_rate', 1) }} as {{ dbt.type_string() }})
            as control_rate_words,
        cast({{ round_half_up('100 * difference', 1) }} as {{ dbt.type_string() }})
            as difference_words,
        cast({{ round_half_up('100 * difference_lower', 1) }} as {{ dbt.type_string() }})
            as difference_lower_words,
        cast({{ round_half_up('100 * difference_upper', 1) }} as {{ dbt.type_string() }})
            as difference_upper_words
    from found
),

outcomes as (
    select
        play_id,
        segment,
        play_name,
        tier,
        cast(task_count as bigint) as task_count,
        cast(open_count as bigint) as open_count,
        cast(waiting_count as bigint) as waiting_count,
        cast(never_opened_count as bigint) as never_opened_count,
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
        cast(unmatched_count as bigint) as unmatched_count,
        cast(window_open_count as bigint) as window_open_count,
        cast(compared_count as bigint) as compared_count,
        cast(pair_count as bigint) as pair_count,
        {{ round_half_up('treated_rate', 12) }} as green_rate,
        {{ round_half_up('control_rate', 12) }} as control_green_rate,
        {{ round_half_up('difference', 12) }} as green_difference,
        {{ round_half_up('difference_lower', 12) }} as green_difference_lower,
        {{ round_half_up('difference_upper', 12) }} as green_difference_upper,
        expected_lift,
        {{ round_half_up('power', 12) }} as power,
        power_target,
        required_per_arm,
        cast(scored_count as bigint) as scored_count,
        {{ round_half_up('score_change', 9) }} as score_change,
        {{ round_half_up('control_score_change', 9) }} as control_score_change,
        {{ round_half_up('score_difference', 9) }} as score_difference,
        {{ round_half_up('score_difference - ' ~ z ~ ' * score_standard_error', 9) }}
            as score_difference_lower,
        {{ round_half_up('score_difference + ' ~ z ~ ' * score_standard_error', 9) }}
            as score_difference_upper,
        {{ round_half_up('churn_rate', 12) }} as churn_rate,
        {{ round_half_up('control_churn_rate', 12) }} as control_churn_rate,
        cast(compared_arr as decimal(18, 2)) as compared_arr,
        gross_margin,
        {{ round_half_up('kept_value', 2) }} as kept_value,
        cast(cost as decimal(18, 2)) as cost,
        {{ round_half_up('kept_value / nullif(cost, 0)', 4) }} as roi_gross,
        {{ round_half_up('(kept_value - ' ~ as_double('cost') ~ ') / nullif(cost, 0)', 4) }}
            as roi_net,
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
                    || ' treated, none below the top band with a match'
            when 'nothing_to_gain' then 'nothing to gain: all turn green untreated'
            when 'too_few_treated'
                then
                    'too few treated: ' || cast(pair_count as {{ dbt.type_string() }})
                    || ', needs ' || cast(required_per_arm as {{ dbt.type_string() }})
            else
                case finding
                    when 'helps' then 'helps: '
                    when 'harms' then 'harms: '
                    else 'no difference shown: '
                end
                || treated_rate_words || ' % turned green, ' || control_rate_words
                || ' % of those untreated; difference ' || difference_words || ' points ('
                || difference_lower_words || ' to ' || difference_upper_words || ')'
        end as verdict
    from worded
)

select * from outcomes
