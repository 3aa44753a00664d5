{%- set groups = ['first', 'second'] %}

-- Which of two groups of accounts reaches first value sooner: log-rank test, corrected after Holm,
-- and restricted mean waits. One row per dimension, persona and pair of groups.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

experiment_arms as (
    select * from {{ ref('int_experiment_arms') }}
),

-- First onboardings, as in rpt_ttv_survival.
waits as (
    select
        account_id,
        persona as own_persona,
        is_primary,
        segment,
        product_category,
        started_on,
        entered_after_days as entered_days,
        followed_days,
        case when days_to_value = followed_days then 1 else 0 end as activated
    from {{ ref('fct_time_to_value') }}
    where followed_days is not null and onboarding_number = 1
),

waits_by_persona as (
    select waits.*, own_persona as persona from waits
    union all
    select waits.*, 'primary' as persona from waits where is_primary
),

-- An account is at risk in an arm from its assignment on. Arms are compared within segments.
members as (
    {%- for dimension, name in [
        ('segment', 'segment'),
        ('product_category', 'product_category'),
        ('start_quarter',
            'cast(' ~ first_day_of('quarter', 'started_on') ~ ' as ' ~ dbt.type_string() ~ ')')
    ] %}
    select
        '{{ dimension }}' as dimension,
        '' as experiment_id,
        persona,
        {{ name }} as group_name,
        {{ name }} as group_order,
        'all' as stratum,
        entered_days,
        followed_days,
        activated
    from waits_by_persona
    union all
    {%- endfor %}
    select
        'experiment' as dimension,
        arms.experiment_id,
        waits.persona,
        arms.variant as group_name,
        case when arms.is_treatment then '2' else '1' end as group_order,
        waits.segment as stratum,
        greatest(
            waits.entered_days, {{ days_between('waits.started_on', 'arms.assigned_on') }}
        ) as entered_days,
        waits.followed_days,
        waits.activated
    from waits_by_persona as waits
    inner join experiment_arms as arms
        on waits.account_id = arms.account_id
    where {{ days_between('waits.started_on', 'arms.assigned_on') }} <= waits.followed_days
),

members_with_key as (
    select
        members.*,
        dimension || '|' || experiment_id || '|' || persona as scope_key
    from members
),

group_counts as (
    select
        scope_key,
        dimension,
        experiment_id,
        persona,
        group_name,
        group_order,
        count(*) as accounts,
        sum(activated) as activated
    from members_with_key
    group by scope_key, dimension, experiment_id, persona, group_name, group_order
),

ordered_groups as (
    select
        group_counts.*,
        row_number() over (partition by scope_key order by group_order) as place
    from group_counts
),

-- Every two groups; of quarters, each and the one before.
pairs as (
    select
        first_groups.scope_key,
        first_groups.dimension,
        first_groups.experiment_id,
        first_groups.persona,
        first_groups.scope_key || '|' || first_groups.group_name || '|'
        || second_groups.group_name as comparison_key,
        first_groups.group_name as first_group,
        second_groups.group_name as second_group,
        first_groups.accounts as first_accounts,
        second_groups.accounts as second_accounts,
        first_groups.activated as first_activated,
        second_groups.activated as second_activated
    from ordered_groups as first_groups
    inner join ordered_groups as second_groups
        on
            first_groups.scope_key = second_groups.scope_key
            and first_groups.place < second_groups.place
            and (
                first_groups.dimension <> 'start_quarter'
                or first_groups.place = second_groups.place - 1
            )
),

-- Interval sums: +1 on the day an account enters, -1 after the day it leaves (both days at risk).
changes as (
    select
        scope_key,
        group_name,
        stratum,
        entered_days as day,
        1 as entering,
        0 as leaving,
        0 as activated
    from members_with_key
    union all
    select
        scope_key,
        group_name,
        stratum,
        followed_days as day,
        0 as entering,
        1 as leaving,
        activated
    from members_with_key
),

group_days as (
    select
        scope_key,
        group_name,
        stratum,
        day,
        sum(entering) as entering,
        sum(leaving) as leaving,
        sum(activated) as activated
    from changes
    group by scope_key, group_name, stratum, day
),

stratum_days as (
    select
        pairs.comparison_key,
        group_days.stratum,
        {%- for group in groups %}
        {%- for count in ['entering', 'leaving', 'activated'] %}
        sum(
            case
                when group_days.group_name = pairs.{{ group }}_group then group_days.{{ count }}
                else 0
            end
        ) as {{ group }}_{{ count }},
        {%- endfor %}
        {%- endfor %}
        group_days.day
    from pairs
    inner join group_days
        on
            pairs.scope_key = group_days.scope_key
            and group_days.group_name in (pairs.first_group, pairs.second_group)
    group by pairs.comparison_key, group_days.stratum, group_days.day
),

stratum_risk_sets as (
    select
        comparison_key,
        {%- for group in groups %}
        {{ as_double(
            'sum(' ~ group ~ '_entering - ' ~ group ~ '_leaving) over ('
            ~ 'partition by comparison_key, stratum order by day) + ' ~ group ~ '_leaving'
        ) }} as {{ group }}_at_risk,
        {%- endfor %}
        first_activated + second_activated as activated
    from stratum_days
),

-- Log-rank: were the groups alike, the first would have its share of the day's activations, with
-- the variance of a draw without replacement.
test_terms as (
    select
        comparison_key,
        activated * first_at_risk / (first_at_risk + second_at_risk) as first_expected,
        case
            when first_at_risk + second_at_risk > 1
                then
                    activated * (first_at_risk + second_at_risk - activated)
                    * first_at_risk * second_at_risk
                    / (
                        (first_at_risk + second_at_risk) * (first_at_risk + second_at_risk)
                        * (first_at_risk + second_at_risk - 1)
                    )
            else 0
        end as variance
    from stratum_risk_sets
    where activated > 0
),

tests as (
    select
        comparison_key,
        sum({{ round_half_up('first_expected', 12) }}) as first_expected,
        sum({{ round_half_up('variance', 12) }}) as variance
    from test_terms
    group by comparison_key
),

-- Both groups' curves on the days on which either changes, over all strata.
pair_days as (
    select
        comparison_key,
        {%- for group in groups %}
        sum({{ group }}_entering) as {{ group }}_entering,
        sum({{ group }}_leaving) as {{ group }}_leaving,
        sum({{ group }}_activated) as {{ group }}_activated,
        {%- endfor %}
        day
    from stratum_days
    group by comparison_key, day
),

risk_sets as (
    select
        comparison_key,
        day,
        {%- for group in groups %}
        {{ group }}_leaving,
        {{ group }}_activated,
        sum({{ group }}_entering - {{ group }}_leaving) over (
            partition by comparison_key order by day
        ) + {{ group }}_leaving as {{ group }}_at_risk,
        {%- endfor %}
        lead(day) over (partition by comparison_key order by day) as next_day,
        min(day) over (partition by comparison_key) as first_day
    from pair_days
),

-- The first day with fewer at risk than a mean may rest on, in either group.
limits as (
    select
        risk_sets.comparison_key,
        min(
            case
                when risk_sets.first_day > 0 then 0
                when
                    least(risk_sets.first_at_risk, risk_sets.second_at_risk)
                    < milestone_settings.min_at_risk
                    then risk_sets.day
                when
                    least(
                        risk_sets.first_at_risk - risk_sets.first_leaving,
                        risk_sets.second_at_risk - risk_sets.second_leaving
                    ) < milestone_settings.min_at_risk
                    and coalesce(risk_sets.next_day > risk_sets.day + 1, true)
                    then risk_sets.day + 1
            end
        ) - 1 as restricted_to_days
    from risk_sets
    cross join milestone_settings
    group by risk_sets.comparison_key
),

restricted_days as (
    select
        risk_sets.*,
        least(risk_sets.next_day, limits.restricted_to_days) - risk_sets.day as days
    from risk_sets
    inner join limits
        on
            risk_sets.comparison_key = limits.comparison_key
            and risk_sets.day < limits.restricted_to_days
),

log_sums as (
    select
        {%- for group in groups %}
        {%- set stayed = as_double(group ~ '_at_risk - ' ~ group ~ '_activated') %}
        sum(
            case
                when {{ group }}_activated < {{ group }}_at_risk
                    then ln({{ stayed }} / {{ group }}_at_risk)
                else 0
            end
        ) over (partition by comparison_key order by day) as {{ group }}_log_survival,
        max(case when {{ group }}_activated = {{ group }}_at_risk then 1 else 0 end) over (
            partition by comparison_key order by day
        ) as {{ group }}_is_exhausted,
        {%- endfor %}
        restricted_days.*
    from restricted_days
),

-- Restricted mean: the area under the curve up to the limit.
areas as (
    select
        {%- for group in groups %}
        case
            when {{ group }}_is_exhausted = 1 then cast(0 as decimal(18, 12))
            else {{ round_half_up('days * exp(' ~ group ~ '_log_survival)', 12) }}
        end as {{ group }}_area,
        {%- endfor %}
        log_sums.*
    from log_sums
),

areas_ahead as (
    select
        {%- for group in groups %}
        {{ as_double(
            'sum(' ~ group ~ '_area) over (partition by comparison_key order by day desc)'
        ) }} as {{ group }}_area_ahead,
        {%- endfor %}
        areas.*
    from areas
),

variance_terms as (
    select
        {%- for group in groups %}
        case
            when {{ group }}_activated < {{ group }}_at_risk
                then
                    {{ round_half_up(
                        group ~ '_area_ahead * ' ~ group ~ '_area_ahead * ' ~ group
                        ~ '_activated / (' ~ as_double(group ~ '_at_risk') ~ ' * (' ~ group
                        ~ '_at_risk - ' ~ group ~ '_activated))', 10
                    ) }}
        end as {{ group }}_variance,
        {%- endfor %}
        areas_ahead.*
    from areas_ahead
),

means as (
    select
        {%- for group in groups %}
        {{ as_double('sum(' ~ group ~ '_area)') }} as {{ group }}_mean_days,
        sqrt(nullif({{ as_double('sum(' ~ group ~ '_variance)') }}, 0)) as {{ group }}_error,
        {%- endfor %}
        comparison_key
    from variance_terms
    group by comparison_key
),

comparisons as (
    select
        pairs.*,
        {{ as_double(var('confidence_z')) }} as confidence_z,
        milestone_settings.min_at_risk,
        coalesce({{ as_double('tests.first_expected') }}, 0) as first_expected,
        pairs.first_activated + pairs.second_activated
        - coalesce({{ as_double('tests.first_expected') }}, 0) as second_expected,
        case
            when
                least(pairs.first_accounts, pairs.second_accounts)
                >= milestone_settings.min_at_risk
                and tests.variance > 0
                then
                    -abs(pairs.first_activated - {{ as_double('tests.first_expected') }})
                    / sqrt({{ as_double('tests.variance') }})
        end as z,
        case when means.comparison_key is not null then limits.restricted_to_days end
            as restricted_to_days,
        means.first_mean_days,
        means.first_error,
        means.second_mean_days,
        means.second_error,
        means.second_mean_days - means.first_mean_days as difference,
        {{ var('confidence_z') }}
        * sqrt(means.first_error * means.first_error + means.second_error * means.second_error)
            as spread
    from pairs
    cross join milestone_settings
    inner join limits
        on pairs.comparison_key = limits.comparison_key
    left join tests
        on pairs.comparison_key = tests.comparison_key
    left join means
        on pairs.comparison_key = means.comparison_key
),

p_values as (
    select
        comparisons.*,
        2 * {{ normal_cdf('z') }} as p_value
    from comparisons
),

ranked_p_values as (
    select
        p_values.*,
        row_number() over (
            partition by scope_key, p_value is null
            order by p_value, comparison_key
        ) as p_rank,
        count(p_value) over (partition by scope_key) as pairs_tested
    from p_values
),

corrected_p_values as (
    select
        ranked_p_values.*,
        {{ holm_p_value('p_value', 'p_rank', 'pairs_tested', 'scope_key, p_value is null') }}
            as p_value_holm
    from ranked_p_values
),

comparisons_with_finding as (
    select
        corrected_p_values.*,
        case
            when least(first_accounts, second_accounts) < min_at_risk then 'too_few_accounts'
            when p_value is null then 'nothing_to_compare'
            when p_value_holm >= 2 * (1 - {{ normal_cdf('confidence_z') }})
                then 'no_clear_difference'
            when first_activated > first_expected then 'first_sooner'
            else 'second_sooner'
        end as finding
    from corrected_p_values
),

{%- set number = 'cast(' ~ round_half_up('{}', 1) ~ ' as ' ~ dbt.type_string() ~ ')' %}

ttv_comparisons as (
    select
        comparison_key,
        dimension,
        nullif(experiment_id, '') as experiment_id,
        persona,
        first_group,
        second_group,
        {%- for group in groups %}
        cast({{ group }}_accounts as bigint) as {{ group }}_accounts,
        cast({{ group }}_activated as bigint) as {{ group }}_activated,
        {{ round_half_up(group ~ '_expected', 10) }} as {{ group }}_expected,
        {%- endfor %}
        {{ round_half_up('z * z', 10) }} as chi_square,
        {{ round_half_up('p_value', 10) }} as p_value,
        cast(pairs_tested as bigint) as pairs_tested,
        case when p_value is not null then {{ round_half_up('p_value_holm', 10) }} end
            as p_value_holm,
        cast(restricted_to_days as integer) as restricted_to_days,
        {%- for group in groups %}
        {{ round_half_up(group ~ '_mean_days', 10) }} as {{ group }}_mean_days,
        {{ round_half_up(group ~ '_error', 8) }} as {{ group }}_mean_days_error,
        {%- endfor %}
        {{ round_half_up('difference', 10) }} as mean_days_difference,
        {{ round_half_up('difference - spread', 8) }} as mean_days_difference_lower,
        {{ round_half_up('difference + spread', 8) }} as mean_days_difference_upper,
        finding,
        case finding
            when 'too_few_accounts'
                then
                    'too few accounts: ' || cast(first_accounts as {{ dbt.type_string() }})
                    || ' and ' || cast(second_accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when 'nothing_to_compare'
                then 'nothing to compare: no first value while both groups waited'
            else
                case finding
                    when 'first_sooner' then first_group || ' reaches first value sooner: '
                    when 'second_sooner' then second_group || ' reaches first value sooner: '
                    else 'no clear difference: '
                end
                || 'p '
                || coalesce(
                    cast(
                        nullif({{ round_half_up('p_value_holm', 4) }}, 0) as {{ dbt.type_string() }}
                    ), 'below 0.0001'
                )
                || case
                    when pairs_tested > 1
                        then
                            ' corrected for ' || cast(pairs_tested as {{ dbt.type_string() }})
                            || ' pairs'
                    else ''
                end
                || coalesce(
                    '; within ' || cast(restricted_to_days as {{ dbt.type_string() }})
                    || ' days ' || first_group || ' waits '
                    || {{ number.format('first_mean_days') }}
                    || ', ' || second_group || ' '
                    || {{ number.format('second_mean_days') }}
                    || coalesce(
                        ', difference ' || {{ number.format('difference') }}
                        || ' (' || {{ number.format('difference - spread') }}
                        || ' to ' || {{ number.format('difference + spread') }} || ')', ''
                    ), '; too few at risk for a mean'
                )
        end as verdict
    from comparisons_with_finding
)

select * from ttv_comparisons
