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

asked as (
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

counted as (
    select
        asked.rule_id,
        asked.rule,
        asked.segment_scope as segment,
        asked.horizon_days,
        risk_settings.min_flagged,
        coalesce(books.book_count, 0) as book_count,
        coalesce(counts.applicable_count, 0) as applicable_count,
        coalesce(counts.flagged_count, 0) as flagged_count,
        coalesce(counts.churned_count, 0) as churned_count,
        coalesce(counts.caught_count, 0) as caught_count,
        counts.median_lead_days
    from asked
    cross join risk_settings
    left join books
        on
            asked.segment_scope = books.segment_scope
            and asked.horizon_days = books.horizon_days
    left join counts
        on
            asked.rule_id = counts.rule_id
            and asked.segment_scope = counts.segment_scope
            and asked.horizon_days = counts.horizon_days
),

rated as (
    select
        counted.*,
        {{ ratio('flagged_count', 'book_count') }} as flagged_share,
        {{ ratio('churned_count', 'applicable_count') }} as base_rate,
        {{ ratio('caught_count', 'flagged_count') }} as precision_rate,
        {{ round_half_up(wilson_bound('caught_count', 'flagged_count', '-'), 6) }}
            as precision_lower,
        {{ round_half_up(wilson_bound('caught_count', 'flagged_count', '+'), 6) }}
            as precision_upper,
        {{ ratio('caught_count', 'churned_count') }} as recall_rate,
        {{ ratio(
            'caught_count * applicable_count', 'flagged_count * churned_count'
        ) }} as lift
    from counted
),

found as (
    select
        rated.*,
        case
            when flagged_count < min_flagged then 'too_rare'
            when precision_lower > base_rate then 'earns_its_place'
            else 'no_better_than_chance'
        end as finding
    from rated
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
                    'fires too rarely to tell: ' || cast(flagged_count as {{ dbt.type_string() }})
                    || ' times, needs ' || cast(min_flagged as {{ dbt.type_string() }})
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
    from found
)

select * from performance
