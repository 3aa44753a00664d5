-- Whether each risk rule finds accounts that leave: precision, recall and lift, with Wilson
-- intervals at the effective sample size. One row per rule, segment and horizon.
with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
    where basis = 'restated' and has_churned is not null
),

flags as (
    select * from {{ ref('int_risk_rule_flags') }}
),

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

risk_settings as (
    select * from {{ ref('risk_settings') }}
),

rules as (
    select
        rule_id,
        min(rule) as rule
    from risk_rules
    group by rule_id
),

scopes as (
    select segment, segment as segment_scope from size_classes
    union all
    select segment, 'all' as segment_scope from size_classes
),

segment_scopes as (
    select distinct segment_scope from scopes
),

rule_cohorts as (
    select
        rules.rule_id,
        rules.rule,
        segment_scopes.segment_scope,
        validation_horizons.horizon_days
    from rules
    cross join segment_scopes
    cross join validation_horizons
),

books as (
    select
        scopes.segment_scope,
        outcomes.horizon_days,
        count(*) as book_count
    from outcomes
    inner join scopes
        on outcomes.segment = scopes.segment
    group by scopes.segment_scope, outcomes.horizon_days
),

-- The dates of one account are not independent, so an account is a cluster.
account_counts as (
    select
        flags.rule_id,
        scopes.segment_scope,
        flags.horizon_days,
        flags.account_id,
        sum(case when flags.has_churned then 1 else 0 end) as caught_count,
        count(*) as flagged_count
    from flags
    inner join scopes
        on flags.segment = scopes.segment
    where flags.is_flagged
    group by flags.rule_id, scopes.segment_scope, flags.horizon_days, flags.account_id
),

clusters as (
    select
        rule_id,
        segment_scope,
        horizon_days,
        count(*) as flagged_accounts,
        {{ as_double('sum(caught_count * caught_count)') }} as caught_squared,
        {{ as_double('sum(caught_count * flagged_count)') }} as caught_flagged,
        {{ as_double('sum(flagged_count * flagged_count)') }} as flagged_squared
    from account_counts
    group by rule_id, segment_scope, horizon_days
),

counts as (
    select
        flags.rule_id,
        scopes.segment_scope,
        flags.horizon_days,
        count(*) as applicable_count,
        sum(case when flags.has_churned then 1 else 0 end) as churned_count,
        sum(case when flags.is_flagged then 1 else 0 end) as flagged_count,
        sum(case when flags.is_flagged and flags.has_churned then 1 else 0 end) as caught_count,
        {{ median('case when flags.has_churned then flags.lead_days end') }} as median_lead_days
    from flags
    inner join scopes
        on flags.segment = scopes.segment
    group by flags.rule_id, scopes.segment_scope, flags.horizon_days
),

rule_counts as (
    select
        rule_cohorts.rule_id,
        rule_cohorts.rule,
        rule_cohorts.segment_scope as segment,
        rule_cohorts.horizon_days,
        risk_settings.min_flagged,
        coalesce(books.book_count, 0) as book_count,
        coalesce(counts.applicable_count, 0) as applicable_count,
        coalesce(counts.flagged_count, 0) as flagged_count,
        coalesce(counts.churned_count, 0) as churned_count,
        coalesce(counts.caught_count, 0) as caught_count,
        counts.median_lead_days,
        coalesce(clusters.flagged_accounts, 0) as flagged_accounts,
        clusters.caught_squared,
        clusters.caught_flagged,
        clusters.flagged_squared,
        {{ as_double('counts.caught_count') }} / nullif(counts.flagged_count, 0) as caught_share
    from rule_cohorts
    cross join risk_settings
    left join books
        on
            rule_cohorts.segment_scope = books.segment_scope
            and rule_cohorts.horizon_days = books.horizon_days
    left join counts
        on
            rule_cohorts.rule_id = counts.rule_id
            and rule_cohorts.segment_scope = counts.segment_scope
            and rule_cohorts.horizon_days = counts.horizon_days
    left join clusters
        on
            rule_cohorts.rule_id = clusters.rule_id
            and rule_cohorts.segment_scope = clusters.segment_scope
            and rule_cohorts.horizon_days = clusters.horizon_days
),

rules_with_design_effect as (
    select
        rule_counts.*,
        {{ design_effect(
            'caught_count', 'flagged_count', 'flagged_accounts',
            'caught_squared', 'caught_flagged', 'flagged_squared'
        ) }} as design_effect
    from rule_counts
),

rules_with_effective_size as (
    select
        rules_with_design_effect.*,
        case
            when design_effect > 1 then flagged_count / design_effect
            else {{ as_double('flagged_count') }}
        end as flagged_effective
    from rules_with_design_effect
),

rule_rates as (
    select
        rules_with_effective_size.*,
        {{ ratio('flagged_count', 'book_count') }} as flagged_share,
        {{ ratio('churned_count', 'applicable_count') }} as base_rate,
        {{ ratio('caught_count', 'flagged_count') }} as precision_rate,
        {% for bound, sign in [('lower', '-'), ('upper', '+')] -%}
        {{ round_half_up(
            wilson_bound('caught_share * flagged_effective', 'flagged_effective', sign), 6
        ) }} as precision_{{ bound }},
        {% endfor -%}
        {{ ratio('caught_count', 'churned_count') }} as recall_rate,
        {{ ratio(
            'caught_count * applicable_count', 'flagged_count * churned_count'
        ) }} as lift
    from rules_with_effective_size
),

rule_findings as (
    select
        rule_rates.*,
        case
            when flagged_accounts < min_flagged then 'too_rare'
            when precision_lower > base_rate then 'earns_its_place'
            else 'no_better_than_chance'
        end as finding
    from rule_rates
),

{%- set percent = 'cast(' ~ round_half_up('100 * {}', 1) ~ ' as ' ~ dbt.type_string() ~ ')' %}

performance as (
    select
        rule_id,
        rule,
        segment,
        horizon_days,
        cast(book_count as bigint) as book_count,
        cast(applicable_count as bigint) as applicable_count,
        cast(flagged_count as bigint) as flagged_count,
        cast(flagged_accounts as bigint) as flagged_accounts,
        {{ round_half_up('flagged_effective', 2) }} as flagged_effective,
        flagged_share,
        cast(churned_count as bigint) as churned_count,
        cast(caught_count as bigint) as caught_count,
        base_rate,
        precision_rate,
        precision_lower,
        precision_upper,
        recall_rate,
        lift,
        {{ round_half_up('median_lead_days', 1) }} as median_lead_days,
        finding,
        case finding
            when 'too_rare'
                then
                    'fires too rarely to tell: it named '
                    || cast(flagged_accounts as {{ dbt.type_string() }})
                    || case when flagged_accounts = 1 then ' account' else ' accounts' end
                    || ', needs ' || cast(min_flagged as {{ dbt.type_string() }})
            else
                case finding
                    when 'earns_its_place' then 'earns its place: '
                    else 'no better than chance: '
                end
                || {{ percent.format('precision_rate') }} || ' % of those it named left ('
                || {{ percent.format('precision_lower') }} || ' to '
                || {{ percent.format('precision_upper') }} || '), '
                || {{ percent.format('base_rate') }} || ' % of all it could name'
        end as verdict
    from rule_findings
)

select * from performance
