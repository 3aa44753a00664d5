{%- set z = var('confidence_z') -%}

-- Effects of the plays: rates and differences with Newcombe's interval of paired proportions, power
-- and return. One row per play and segment, and `all` of either.
with

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

counts as (
    select * from {{ ref('int_play_counts') }}
),

errors as (
    select * from {{ ref('int_play_errors') }}
),

play_averages as (
    select
        counts.play_id,
        counts.segment,
        counts.scored_count,
        counts.cost,
        {{ as_double('counts.expected_lift') }} as expected_lift,
        {{ as_double('nullif(counts.pair_count, 0)') }} as n,
        {{ as_double('counts.both_converted') }} as both_green,
        {{ as_double('counts.only_treated_converted') }} as treated_green,
        {{ as_double('counts.only_control_converted') }} as control_green,
        {{ as_double('counts.churned_count') }}
        / nullif(counts.compared_count, 0) as churn_rate,
        {{ as_double('counts.control_churned_count') }}
        / nullif(counts.compared_count, 0) as control_churn_rate,
        {{ as_double('counts.score_changes') }}
        / nullif(counts.scored_count, 0) as score_change,
        {{ as_double('counts.control_score_changes') }}
        / nullif(counts.scored_count, 0) as control_score_change,
        {{ as_double('counts.squared_differences') }} as squared_differences,
        {{ as_double('counts.compared_arr') }} * outcome_settings.gross_margin
            as compared_margin,
        errors.green_error,
        errors.churn_error,
        {{ as_double('outcome_settings.power_z') }} as power_z
    from counts
    cross join outcome_settings
    left join errors
        on
            counts.play_id = errors.play_id
            and counts.segment = errors.segment
),

plays_with_squares as (
    select
        play_averages.*,
        treated_green + control_green
        - (treated_green - control_green) * (treated_green - control_green) / n as lone_squares
    from play_averages
),

-- The number of independent pairs that would have the same error: accounts can be in several pairs.
plays_with_effective_n as (
    select
        plays_with_squares.*,
        case
            when n * green_error * (n * green_error) > lone_squares and lone_squares > 0
                then lone_squares / (n * green_error * (n * green_error))
            else 1
        end * n as effective_n
    from plays_with_squares
),

play_rates as (
    select
        plays_with_effective_n.*,
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
        compared_margin * (control_churn_rate - churn_rate) as kept_value,
        compared_margin * churn_error * {{ z }} as kept_value_reach
    from plays_with_effective_n
),

-- Newcombe (1998), paired proportions, method 10: Wilson's intervals of both rates, and the
-- correlation within pairs.
intervals as (
    select
        play_rates.*,
        {% for arm in ['treated', 'control'] -%}
        ({{ arm }}_rate + {{ z * z }} / (2 * effective_n)) / (1 + {{ z * z }} / effective_n)
            as {{ arm }}_centre,
        {{ z }} * sqrt(
            {{ arm }}_rate * (1 - {{ arm }}_rate) / effective_n
            + {{ z * z }} / (4 * effective_n * effective_n)
        ) / (1 + {{ z * z }} / effective_n) as {{ arm }}_reach,
        {% endfor -%}
        coalesce(
            case
                when cross_product > 0
                    then greatest(cross_product - n * n / effective_n / 2, 0)
                else cross_product
            end / sqrt(
                nullif(
                    treated_rate * (1 - treated_rate) * control_rate * (1 - control_rate)
                    * n * n * n * n, 0
                )
            ), 0
        ) as agreement
    from play_rates
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

plays_with_lift as (
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
        nullif(least(expected_lift, 1 - control_rate), 0) as lift
    from arms
),

plays_with_spread as (
    select
        plays_with_lift.*,
        sqrt(2 * (control_rate + lift / 2) * (1 - control_rate - lift / 2)) as pooled_spread,
        sqrt(
            control_rate * (1 - control_rate)
            + (control_rate + lift) * greatest(1 - control_rate - lift, 0)
        ) as spread
    from plays_with_lift
),

-- Two-sided test of two proportions: its power for the expected lift, and the pairs it needs.
plays_with_power as (
    select
        plays_with_spread.*,
        (lift * sqrt(n) - {{ z }} * pooled_spread) / nullif(spread, 0) as power_score,
        (-lift * sqrt(n) - {{ z }} * pooled_spread) / nullif(spread, 0) as other_power_score,
        cast(
            ceil(
                ({{ z }} * pooled_spread + power_z * spread)
                * ({{ z }} * pooled_spread + power_z * spread) / (lift * lift) - 0.000000001
            ) as bigint
        ) as required_per_arm
    from plays_with_spread
),

effects as (
    select
        play_id,
        segment,
        {{ round_half_up('treated_rate', 12) }} as treated_rate,
        {{ round_half_up('control_rate', 12) }} as control_rate,
        {{ round_half_up('difference', 12) }} as difference,
        {{ round_half_up('difference_lower', 12) }} as difference_lower,
        {{ round_half_up('difference_upper', 12) }} as difference_upper,
        {{ round_half_up(normal_cdf('power_score') ~ ' + ' ~ normal_cdf('other_power_score'), 12) }}
            as power,
        required_per_arm,
        {{ round_half_up('score_change', 9) }} as score_change,
        {{ round_half_up('control_score_change', 9) }} as control_score_change,
        {{ round_half_up('score_difference', 9) }} as score_difference,
        {{ round_half_up('score_difference - ' ~ z ~ ' * score_standard_error', 9) }}
            as score_difference_lower,
        {{ round_half_up('score_difference + ' ~ z ~ ' * score_standard_error', 9) }}
            as score_difference_upper,
        {{ round_half_up('churn_rate', 12) }} as churn_rate,
        {{ round_half_up('control_churn_rate', 12) }} as control_churn_rate,
        {{ round_half_up('kept_value', 2) }} as kept_value,
        {{ round_half_up('kept_value - kept_value_reach', 2) }} as kept_value_lower,
        {{ round_half_up('kept_value + kept_value_reach', 2) }} as kept_value_upper,
        {{ round_half_up('kept_value / nullif(cost, 0)', 4) }} as roi_gross,
        {{ round_half_up('(kept_value - ' ~ as_double('cost') ~ ') / nullif(cost, 0)', 4) }}
            as roi_net,
        {% for end, sign in [('lower', '-'), ('upper', '+')] -%}
        {{ round_half_up(
            '(kept_value ' ~ sign ~ ' kept_value_reach - ' ~ as_double('cost')
            ~ ') / nullif(cost, 0)', 4
        ) }} as roi_net_{{ end }},
        {% endfor -%}
        {{ round_half_up('effective_n', 6) }} as effective_pairs
    from plays_with_power
)

select * from effects
