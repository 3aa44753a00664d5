{%- set z = var('confidence_z') -%}
{%- set cells = {
    'control': 'is_after and not is_treated',
    'treated': 'is_after and is_treated',
    'control_before': 'not is_after and not is_treated',
    'treated_before': 'not is_after and is_treated',
} -%}

-- Difference of shares between the arms of an experiment, with Newcombe's interval, or difference
-- in differences of a rollout, with errors clustered by account. One row per experiment and metric.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

outcomes as (
    select * from {{ ref('int_experiment_outcomes') }}
),

lived_outcomes as (
    select
        experiment_id,
        metric,
        account_id,
        is_treated = is_after as is_added,
        case
            {% for cell, condition in cells.items() -%}
            when {{ condition }} then '{{ cell }}'
            {% endfor %}
        end as cell,
        case when is_reached then 1 else 0 end as reached
    from outcomes
    where is_lived
),

cells as (
    select
        experiment_id,
        metric,
        cell,
        is_added,
        count(*) as accounts,
        sum(reached) as reached
    from lived_outcomes
    group by experiment_id, metric, cell, is_added
),

-- The residual of an onboarding from its cell's share, as it moves the difference in differences.
account_residuals as (
    select
        lived_outcomes.experiment_id,
        lived_outcomes.metric,
        lived_outcomes.account_id,
        sum(
            case when cells.is_added then 1 else -1 end
            * {{ round_half_up(
                '(lived_outcomes.reached - ' ~ as_double('cells.reached')
                ~ ' / cells.accounts) / cells.accounts', 15
            ) }}
        ) as residual,
        count(*) as onboardings
    from lived_outcomes
    inner join cells
        on
            lived_outcomes.experiment_id = cells.experiment_id
            and lived_outcomes.metric = cells.metric
            and lived_outcomes.cell = cells.cell
    group by lived_outcomes.experiment_id, lived_outcomes.metric, lived_outcomes.account_id
),

clusters as (
    select
        experiment_id,
        metric,
        {{ as_double('count(*)') }} as clusters,
        {{ as_double('sum(onboardings)') }} as onboardings,
        sum({{ round_half_up(as_double('residual') ~ ' * ' ~ as_double('residual'), 15) }})
            as squares
    from account_residuals
    group by experiment_id, metric
),

waiting as (
    select
        experiment_id,
        metric,
        cast(sum(case when is_lived then 0 else 1 end) as bigint) as waiting_accounts
    from outcomes
    group by experiment_id, metric
),

counts as (
    select
        waiting.experiment_id,
        waiting.metric,
        waiting.waiting_accounts,
        {%- for cell in cells %}
        coalesce(sum(case when cells.cell = '{{ cell }}' then cells.accounts end), 0)
            as {{ cell }}_accounts,
        coalesce(sum(case when cells.cell = '{{ cell }}' then cells.reached end), 0)
            as {{ cell }}_reached,
        {%- endfor %}
        experiments.kind = 'rollout' as is_rollout
    from waiting
    inner join experiments
        on waiting.experiment_id = experiments.experiment_id
    left join cells
        on
            waiting.experiment_id = cells.experiment_id
            and waiting.metric = cells.metric
    group by
        waiting.experiment_id,
        waiting.metric,
        waiting.waiting_accounts,
        experiments.kind
),

shares as (
    select
        counts.*,
        {%- for cell in cells %}
        {{ as_double(cell ~ '_reached') }} / nullif({{ cell }}_accounts, 0) as {{ cell }}_share,
        {{ wilson_bound(cell ~ '_reached', cell ~ '_accounts', '-') }} as {{ cell }}_lower,
        {{ wilson_bound(cell ~ '_reached', cell ~ '_accounts', '+') }} as {{ cell }}_upper,
        {%- endfor %}
        {{ as_double('control_reached + treated_reached') }}
        / nullif(control_accounts + treated_accounts, 0) as pooled_share,
        case
            when is_rollout
                then
                    least(
                        control_accounts,
                        treated_accounts,
                        control_before_accounts,
                        treated_before_accounts
                    )
            else least(control_accounts, treated_accounts)
        end as fewest_accounts
    from counts
),

-- The error under which the test is made: of equal shares, or of the clustered regression with the
-- interaction of segment and time (its small-sample factor included).
errors as (
    select
        shares.*,
        milestone_settings.min_at_risk,
        case
            when shares.is_rollout
                then
                    sqrt(
                        nullif({{ as_double('clusters.squares') }}, 0)
                        * clusters.clusters / nullif(clusters.clusters - 1, 0)
                        * (clusters.onboardings - 1) / nullif(clusters.onboardings - 4, 0)
                    )
            else
                sqrt(
                    nullif(shares.pooled_share * (1 - shares.pooled_share), 0)
                    * (
                        1 / {{ as_double('shares.control_accounts') }}
                        + 1 / {{ as_double('shares.treated_accounts') }}
                    )
                )
        end as error
    from shares
    cross join milestone_settings
    left join clusters
        on
            shares.experiment_id = clusters.experiment_id
            and shares.metric = clusters.metric
    where shares.fewest_accounts >= milestone_settings.min_at_risk
),

-- R. G. Newcombe, Interval estimation for the difference between independent proportions (1998),
-- method 10.
differences as (
    select
        errors.*,
        treated_share - control_share
        - case when is_rollout then treated_before_share - control_before_share else 0 end
            as effect,
        {%- for end, sign, treated_end, control_end in [
            ('lower', '-', 'lower', 'upper'), ('upper', '+', 'upper', 'lower')
        ] %}
        case
            when is_rollout then {{ z }} * error
            else
                sqrt(
                    (treated_share - treated_{{ treated_end }})
                    * (treated_share - treated_{{ treated_end }})
                    + (control_share - control_{{ control_end }})
                    * (control_share - control_{{ control_end }})
                )
        end as {{ end }}_reach,
        {%- endfor %}
        -abs(
            treated_share - control_share
            - case when is_rollout then treated_before_share - control_before_share else 0 end
        ) / error as score
    from errors
),

effects as (
    select
        shares.experiment_id,
        shares.metric,
        shares.waiting_accounts,
        {%- for cell in cells %}
        cast(shares.{{ cell }}_accounts as bigint) as {{ cell }}_accounts,
        cast(shares.{{ cell }}_reached as bigint) as {{ cell }}_reached,
        {{ round_half_up('differences.' ~ cell ~ '_share', 12) }} as {{ cell }}_share,
        {%- endfor %}
        {{ round_half_up('differences.effect', 12) }} as effect,
        {{ round_half_up('differences.effect - differences.lower_reach', 12) }} as effect_lower,
        {{ round_half_up('differences.effect + differences.upper_reach', 12) }} as effect_upper,
        {{ round_half_up('differences.error', 12) }} as error,
        {{ round_half_up('2 * (' ~ normal_cdf('differences.score') ~ ')', 12) }} as p_value
    from shares
    left join differences
        on
            shares.experiment_id = differences.experiment_id
            and shares.metric = differences.metric
)

select * from effects
