-- Contradictions within seeds/plays and business hours, which the checks of single cells
-- (column_problems) cannot find. One row per problem.
with

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

risk_criteria as (
    select * from {{ ref('risk_criteria') }}
),

risk_severities as (
    select * from {{ ref('risk_severities') }}
),

milestones as (
    select * from {{ ref('milestones') }}
),

alert_kinds as (
    select * from {{ ref('alert_kinds') }}
),

alert_routes as (
    select * from {{ ref('alert_routes') }}
),

playbooks as (
    select * from {{ ref('playbooks') }}
),

play_triggers as (
    select * from {{ ref('play_triggers') }}
),

priority_terms as (
    select * from {{ ref('priority_terms') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

business_hours as (
    select * from {{ ref('business_hours') }}
),

alert_kind_names as (
    {% for kind in [
        'band_worse', 'band_better', 'band_new_version', 'risk_began', 'risk_cleared',
        'override_expiring'
    ] -%}
    select '{{ kind }}' as alert_kind
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

business_weeks as (
    select
        country,
        sum(closes_hour - opens_hour) as week_hours
    from business_hours
    group by country
),

shortest_weeks as (
    select min(week_hours) as week_hours from business_weeks
),

problems as (
    select
        'plays/risk_rules.csv' as file_path,
        'rule_id ' || risk_rules.rule_id || ', segment ' || risk_rules.segment as row_key,
        'the rule has no criterion.' as problem,
        'Add a row of it to risk_criteria.csv.' as remedy
    from risk_rules
    left join risk_criteria
        on risk_rules.rule_id = risk_criteria.rule_id
    where risk_criteria.rule_id is null
    union all
    select
        'plays/risk_criteria.csv' as file_path,
        'rule_id ' || rule_id || ', subject ' || subject as row_key,
        'unknown milestone ' || subject || '.' as problem,
        'Use any, due_by:<day> or a milestone_id of milestones.csv.' as remedy
    from risk_criteria
    where
        measure = 'milestone_days_overdue'
        and subject <> 'any'
        and not {{ matches('subject', '^due_by:[0-9]{1,4}$') }}
        and subject not in (select milestones.milestone_id from milestones)
    union all
    select
        'plays/risk_criteria.csv' as file_path,
        'rule_id ' || rule_id || ', subject ' || subject as row_key,
        'threshold days do not fit into within_days days.' as problem,
        'Lower threshold or raise within_days.' as remedy
    from risk_criteria
    where
        measure = 'event_days'
        and (
            threshold > within_days
            or (operator in ('>', '<=') and threshold >= within_days)
        )
    union all
    select
        'plays/alert_kinds.csv' as file_path,
        'alert_kind ' || alert_kind_names.alert_kind as row_key,
        'the kind has no row of band any.' as problem,
        'Add one.' as remedy
    from alert_kind_names
    left join alert_kinds
        on alert_kind_names.alert_kind = alert_kinds.alert_kind and alert_kinds.band = 'any'
    where alert_kinds.alert_kind is null
    union all
    select
        'plays/alert_routes.csv' as file_path,
        'severity ' || risk_severities.severity as row_key,
        'the severity has no route of segment any.' as problem,
        'Add one.' as remedy
    from risk_severities
    left join alert_routes
        on risk_severities.severity = alert_routes.severity and alert_routes.segment = 'any'
    where alert_routes.severity is null
    union all
    select
        'plays/playbooks.csv' as file_path,
        'play_id all' as row_key,
        'all is the name of the sum of plays.' as problem,
        'Choose another.' as remedy
    from playbooks
    where play_id = 'all'
    union all
    select
        'plays/playbooks.csv' as file_path,
        'tier ' || cast(tier as {{ dbt.type_string() }}) as row_key,
        'the plays of the tier have several limits.' as problem,
        'Give them the same cadence_limit, or none.' as remedy
    from playbooks
    group by tier
    having count(distinct coalesce(cadence_limit, 0)) > 1
    union all
    select
        'plays/playbooks.csv' as file_path,
        'play_id ' || playbooks.play_id as row_key,
        'due_within_hours is more than half a year of business hours.' as problem,
        'Lower it, or lengthen the shortest week of business_hours.csv.' as remedy
    from playbooks
    cross join shortest_weeks
    where
        playbooks.uses_business_hours
        and playbooks.due_within_hours > 26 * shortest_weeks.week_hours
    union all
    select
        'plays/play_triggers.csv' as file_path,
        'trigger ' || one.trigger_name || ', play ' || one.play_id as row_key,
        'two rows ask for the play at one age, from day '
        || cast(one.from_day as {{ dbt.type_string() }}) || ' and from day '
        || cast(other.from_day as {{ dbt.type_string() }}) || '.' as problem,
        'Let the days or the segments of the two not overlap.' as remedy
    from play_triggers as one
    inner join play_triggers as other
        on
            one.trigger_type = other.trigger_type
            and one.trigger_name = other.trigger_name
            and one.play_id = other.play_id
            and (one.segment = other.segment or one.segment = 'any')
            and one.from_day <= coalesce(other.to_day, one.from_day)
            and other.from_day <= coalesce(one.to_day, other.from_day)
    group by one.trigger_name, one.play_id, one.from_day, one.segment, other.from_day
    having
        count(*) > 1
        or max(case when one.segment <> other.segment then 1 else 0 end) = 1
        or one.from_day < other.from_day
    union all
    select
        'plays/priority_terms.csv' as file_path,
        'weight' as row_key,
        'the weights sum to ' || cast(coalesce(sum(weight), 0) as {{ dbt.type_string() }}) || '.'
            as problem,
        'Change them so that they sum to 1.' as remedy
    from priority_terms
    having coalesce(sum(weight), 0) <> 1
    union all
    select
        'plays/priority_terms.csv' as file_path,
        'term ' || term as row_key,
        'worth_nothing_at and worth_all_at must differ.' as problem,
        'Say where the term is worth nothing and where all.' as remedy
    from priority_terms
    where worth_nothing_at = worth_all_at
    union all
    select
        'plays/outcome_settings.csv' as file_path,
        'the only row' as row_key,
        'power_z is not the quantile of power_target.' as problem,
        'The standard normal quantile of 0.8 is 0.841621233572914.' as remedy
    from outcome_settings
    where abs({{ normal_cdf(as_double('power_z')) }} - power_target) > 0.000001
)

select * from problems
