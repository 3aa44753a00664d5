{%- set z = var('confidence_z') -%}
{%- set points = 'cast(' ~ round_half_up('100 * ({})', 1) ~ ' as ' ~ dbt.type_string() ~ ')' -%}

-- What goes with staying, growing, renewing and first value: accounts with and without a milestone
-- or feature at a landmark, after Mantel and Haenszel over segment and category, false discovery
-- rate after Benjamini and Hochberg. One row per factor, outcome and horizon.
with

factors as (
    select * from {{ ref('int_predictor_factors') }}
),

outcomes as (
    select * from {{ ref('fct_landmark_outcomes') }}
),

predictor_settings as (
    select * from {{ ref('predictor_settings') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

published_effects as (
    select * from {{ ref('published_effects') }}
),

strata as (
    select
        factors.factor_kind,
        factors.factor,
        outcomes.outcome,
        outcomes.horizon_days,
        factors.segment,
        factors.product_category,
        {{ as_double('sum(case when factors.has_factor then 1 else 0 end)') }} as n1,
        {{ as_double('sum(case when factors.has_factor then 0 else 1 end)') }} as n0,
        {{ as_double(
            'sum(case when factors.has_factor and outcomes.is_reached then 1 else 0 end)'
        ) }} as a,
        {{ as_double(
            'sum(case when not factors.has_factor and outcomes.is_reached then 1 else 0 end)'
        ) }} as b,
        {{ as_double('count(*)') }} as n
    from factors
    inner join outcomes
        on
            factors.account_id = outcomes.account_id
            and factors.landmark_on = outcomes.landmark_on
    group by
        factors.factor_kind,
        factors.factor,
        outcomes.outcome,
        outcomes.horizon_days,
        factors.segment,
        factors.product_category
),

-- Only strata with both compare anything: in the others each term is 0. Variances: of the risk
-- difference T. Sato (1989), of the log risk ratio S. Greenland and J. Robins (1985).
stratum_terms as (
    select
        strata.*,
        case when n1 > 0 and n0 > 0 then 1 else 0 end as is_compared,
        n1 * n0 / n as weight,
        a * n0 / n as with_term,
        b * n1 / n as without_term,
        (n1 * n1 * b - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / (n * n) as sato_p,
        (a * (n0 - b) + b * (n1 - a)) / (2 * n) as sato_q,
        (n1 * n0 * (a + b) - a * b * n) / (n * n) as ratio_term,
        case
            when n > 1 then n1 * n0 * (a + b) * (n - a - b) / (n * n * (n - 1))
            else 0
        end as null_variance
    from strata
),

factor_sums as (
    select
        factor_kind,
        factor,
        outcome,
        horizon_days,
        cast(sum(n1) as bigint) as with_accounts,
        cast(sum(a) as bigint) as with_reached,
        cast(sum(n0) as bigint) as without_accounts,
        cast(sum(b) as bigint) as without_reached,
        cast(sum(is_compared) as bigint) as strata_compared,
        sum(is_compared * n1) as compared_with,
        sum(is_compared * n0) as compared_without,
        {%- for term in ['weight', 'with_term', 'without_term', 'sato_p', 'sato_q', 'ratio_term',
            'null_variance'] %}
        {{ as_double('sum(' ~ round_half_up('is_compared * ' ~ term, 11) ~ ')') }} as {{ term }},
        {%- endfor %}
        sum(is_compared * (a + b)) as compared_reached
    from stratum_terms
    group by factor_kind, factor, outcome, horizon_days
),

-- Nothing is computed of too few accounts.
large_enough_factors as (
    select factor_sums.*
    from factor_sums
    cross join milestone_settings
    where
        least(factor_sums.compared_with, factor_sums.compared_without)
        >= milestone_settings.min_at_risk
),

factors_with_ratio as (
    select
        large_enough_factors.*,
        (with_term - without_term) / nullif(weight, 0) as difference,
        case
            when with_term > 0 and without_term > 0 then ln(with_term / without_term)
        end as log_ratio,
        case
            when with_term > 0 and without_term > 0
                then sqrt(ratio_term / (with_term * without_term))
        end as log_ratio_error,
        case
            when null_variance > 0
                then -abs(with_term - without_term) / sqrt(null_variance)
        end as score
    from large_enough_factors
),

estimates as (
    select
        factors_with_ratio.*,
        sqrt(greatest(difference * sato_p + sato_q, 0)) / weight as error,
        exp(log_ratio) as risk_ratio,
        exp(abs(log_ratio)) as far_ratio,
        exp(greatest(abs(log_ratio) - {{ z }} * log_ratio_error, 0)) as near_ratio,
        2 * {{ normal_cdf('score') }} as p_value
    from factors_with_ratio
),

ranked_estimates as (
    select
        estimates.*,
        count(p_value) over (partition by outcome, horizon_days) as family,
        row_number() over (
            partition by outcome, horizon_days, p_value is null
            order by p_value, factor_kind, factor
        ) as p_rank
    from estimates
),

adjusted_estimates as (
    select
        ranked_estimates.*,
        case
            when p_value is not null
                then
                    least(
                        {{ false_discovery_rate(
                            'p_value', 'p_rank', 'family', 'outcome, horizon_days, p_value is null'
                        ) }}, 1
                    )
        end as p_value_adjusted
    from ranked_estimates
),

results as (
    select
        factor_sums.*,
        milestone_settings.min_at_risk,
        {{ as_double('predictor_settings.worthwhile_difference') }} as worthwhile_difference,
        {{ as_double('outcome_settings.power_z') }} as power_z,
        {{ as_double(z) }} as z,
        published_effects.published_effect,
        estimates.difference,
        estimates.error,
        estimates.risk_ratio,
        estimates.far_ratio + sqrt(estimates.far_ratio * (estimates.far_ratio - 1)) as e_value,
        estimates.near_ratio + sqrt(estimates.near_ratio * (estimates.near_ratio - 1))
            as e_value_of_bound,
        estimates.p_value,
        estimates.p_value_adjusted,
        coalesce(estimates.family, 0) as family,
        {{ as_double('factor_sums.without_reached') }} / nullif(factor_sums.without_accounts, 0)
            as base_share
    from factor_sums
    cross join milestone_settings
    cross join predictor_settings
    cross join outcome_settings
    left join adjusted_estimates as estimates
        on
            factor_sums.factor_kind = estimates.factor_kind
            and factor_sums.factor = estimates.factor
            and factor_sums.outcome = estimates.outcome
            and factor_sums.horizon_days = estimates.horizon_days
    left join published_effects
        on
            case when factor_sums.factor_kind = 'milestone' then factor_sums.factor end
            = published_effects.milestone_id
            and factor_sums.outcome = published_effects.outcome
),

-- Accounts that a two-sided test of two equal groups needs for the difference worth knowing, away
-- from the nearer end of the scale.
sized_results as (
    select
        results.*,
        case
            when base_share > 0.5 then base_share - worthwhile_difference
            else base_share + worthwhile_difference
        end as other_share
    from results
),

results_with_finding as (
    select
        sized_results.*,
        case
            when least(compared_with, compared_without) >= min_at_risk
                then
                    power(
                        z * sqrt((base_share + other_share) * (2 - base_share - other_share) / 2)
                        + power_z * sqrt(
                            base_share * (1 - base_share) + other_share * (1 - other_share)
                        ), 2
                    ) / (worthwhile_difference * worthwhile_difference)
        end as required,
        case
            when least(compared_with, compared_without) < min_at_risk then 'too_few_accounts'
            when p_value is null then 'nothing_to_compare'
            when p_value_adjusted >= 2 * (1 - {{ normal_cdf('z') }}) then 'no_association_shown'
            when difference > 0 then 'more_with'
            else 'fewer_with'
        end as finding
    from sized_results
),

predictors as (
    select
        factor_kind || '|' || factor || '|' || outcome || '|'
        || cast(horizon_days as {{ dbt.type_string() }}) as predictor_key,
        factor_kind,
        factor,
        outcome,
        horizon_days,
        with_accounts,
        with_reached,
        without_accounts,
        without_reached,
        strata_compared,
        cast(compared_with as bigint) as compared_with,
        cast(compared_without as bigint) as compared_without,
        {{ round_half_up('difference', 9) }} as risk_difference,
        {{ round_half_up('error', 9) }} as risk_difference_error,
        {{ round_half_up('difference - ' ~ z ~ ' * error', 9) }} as risk_difference_lower,
        {{ round_half_up('difference + ' ~ z ~ ' * error', 9) }} as risk_difference_upper,
        {{ round_half_up('risk_ratio', 9) }} as risk_ratio,
        {{ round_half_up('e_value', 6) }} as e_value,
        {{ round_half_up('e_value_of_bound', 6) }} as e_value_of_bound,
        {{ round_half_up('p_value', 10) }} as p_value,
        cast(family as bigint) as family,
        {{ round_half_up('p_value_adjusted', 10) }} as p_value_adjusted,
        cast(ceil(required - 0.000000001) as bigint) as required_per_group,
        published_effect,
        finding,
        case finding
            when 'too_few_accounts'
                then
                    'too few accounts alike: '
                    || cast(cast(compared_with as bigint) as {{ dbt.type_string() }})
                    || ' with and '
                    || cast(cast(compared_without as bigint) as {{ dbt.type_string() }})
                    || ' without it in the same segment and category, needs '
                    || cast(min_at_risk as {{ dbt.type_string() }}) || ' each'
            when 'nothing_to_compare' then 'nothing to compare: all had the same outcome'
            else
                case finding
                    when 'more_with' then 'more with it: '
                    when 'fewer_with' then 'fewer with it: '
                    else 'no association shown: '
                end
                || {{ points.format('difference') }} || ' points ('
                || {{ points.format('difference - ' ~ z ~ ' * error') }} || ' to '
                || {{ points.format('difference + ' ~ z ~ ' * error') }} || '), p '
                || coalesce(
                    cast(
                        nullif({{ round_half_up('p_value_adjusted', 4) }}, 0)
                        as {{ dbt.type_string() }}
                    ), 'below 0.0001'
                )
                || ' among ' || cast(family as {{ dbt.type_string() }})
                || ' looks; an association, not an effect'
        end as verdict
    from results_with_finding
)

select * from predictors
