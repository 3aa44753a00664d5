-- noqa: disable=RF02
with

playbooks as (
    select * from {{ ref('playbooks') }}
),

play_triggers as (
    select * from {{ ref('play_triggers') }}
),

priority_terms as (
    select * from {{ ref('priority_terms') }}
),

play_economics as (
    select * from {{ ref('play_economics') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

business_hours as (
    select * from {{ ref('business_hours') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

timezones as (
    select * from {{ ref('timezones') }}
),

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
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

tier_limits as (
    select
        tier,
        count(distinct coalesce(cadence_limit, 0)) as limit_count
    from playbooks
    group by tier
),

playbook_problems as (
    select
        'plays/playbooks.csv' as file_path,
        'play_id ' || coalesce(playbooks.play_id, 'nothing') as row_key,
        case
            when
                playbooks.play_id is null
                or playbooks.play_name is null
                or playbooks.tier is null
                or playbooks.audience is null
                or playbooks.channel is null
                or playbooks.owner_role is null
                or playbooks.due_within_hours is null
                or playbooks.uses_business_hours is null
                or playbooks.script_name is null
                or playbooks.impact is null
                or playbooks.effort is null
                or playbooks.expected_lift is null
                or playbooks.expected_effect is null
                then 'a cell is blank that must be filled.'
            when playbooks.play_id = 'all' then 'all is the name of the sum of plays.'
            when playbooks.tier not in (select tier from play_economics where tier is not null)
                then 'the tier has no cost.'
            when playbooks.due_within_hours < 1 then 'due_within_hours must be at least 1.'
            when
                playbooks.uses_business_hours
                and playbooks.due_within_hours > 26 * shortest_weeks.week_hours
                then 'due_within_hours is more than half a year of business hours.'
            when playbooks.cadence_limit < 1 then 'cadence_limit must be at least 1.'
            when tier_limits.limit_count > 1 then 'the plays of the tier have several limits.'
            when
                playbooks.impact not between 1 and 10 or playbooks.effort not between 1 and 10
                then 'impact and effort go from 1 to 10.'
            when playbooks.expected_lift <= 0 or playbooks.expected_lift >= 1
                then 'expected_lift must lie between 0 and 1.'
        end as problem,
        'Only cadence_limit may be blank, meaning no limit; give all plays of a tier the same, and '
        || 'each tier a row of play_economics.csv.' as remedy
    from playbooks
    cross join shortest_weeks
    left join tier_limits
        on playbooks.tier = tier_limits.tier
    union all
    select
        'plays/playbooks.csv' as file_path,
        'play_id ' || play_id as row_key,
        'the play stands more than once.' as problem,
        'Keep one row.' as remedy
    from playbooks
    group by play_id
    having count(*) > 1
    union all
    select
        'plays/play_economics.csv' as file_path,
        'tier ' || coalesce(cast(tier as {{ dbt.type_string() }}), 'nothing') as row_key,
        'each tier needs one cost of 0 or more.' as problem,
        'Keep one row with a cost.' as remedy
    from play_economics
    group by tier
    having count(*) > 1 or min(coalesce(cost_per_task, -1)) < 0 or tier is null
),

trigger_problems as (
    select
        'plays/play_triggers.csv' as file_path,
        'trigger ' || coalesce(trigger_name, 'nothing') || ', play ' || coalesce(play_id, 'nothing')
            as row_key,
        case
            when
                trigger_type is null
                or trigger_name is null
                or segment is null
                or from_day is null
                or play_id is null
                or is_high_risk is null
                then 'a cell is blank that must be filled.'
            when trigger_type not in ('rule', 'band')
                then 'unknown trigger_type ' || trigger_type || '.'
            when
                trigger_type = 'rule'
                and trigger_name not in (select rule_id from risk_rules where rule_id is not null)
                then 'unknown rule.'
            when trigger_type = 'band' and trigger_name not in (select band from health_bands)
                then 'unknown band.'
            when segment <> 'any' and segment not in (select segment from size_classes)
                then 'unknown segment ' || segment || '.'
            when play_id not in (select play_id from playbooks where play_id is not null)
                then 'unknown play.'
            when from_day < 0 or to_day < from_day then 'to_day lies before from_day.'
        end as problem,
        'Only to_day may be blank. Use a rule of risk_rules.csv or a band of health_bands.csv, any '
        || 'or a segment of size_classes.csv, and a play of playbooks.csv.' as remedy
    from play_triggers
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
),

priority_problems as (
    select
        'plays/priority_terms.csv' as file_path,
        'weight' as row_key,
        'the weights sum to ' || coalesce(cast(sum(weight) as {{ dbt.type_string() }}), 'nothing')
        || '.' as problem,
        'Change them so that they sum to 1.' as remedy
    from priority_terms
    having coalesce(sum(weight), 0) <> 1
    union all
    select
        'plays/priority_terms.csv' as file_path,
        'term ' || coalesce(term, 'nothing') as row_key,
        case
            when coalesce(term, '') not in ('impact', 'effort', 'arr', 'risk') then 'unknown term.'
            when weight is null or weight < 0 then 'the weight must be 0 or more.'
            when coalesce(worth_nothing_at = worth_all_at, true)
                then 'worth_nothing_at and worth_all_at must be there and differ.'
            when term in ('arr', 'risk') and value_when_null is null
                then 'value_when_null is blank, and the value can be unknown.'
        end as problem,
        'Use impact, effort, arr and risk, and say where each is worth nothing and all.' as remedy
    from priority_terms
    union all
    select
        'plays/priority_terms.csv' as file_path,
        'term' as row_key,
        'impact, effort, arr and risk must stand once each.' as problem,
        'Add or remove a row.' as remedy
    from priority_terms
    having count(*) <> 4 or count(distinct term) <> 4
),

settings_problems as (
    select
        'plays/outcome_settings.csv' as file_path,
        'the row' as row_key,
        'there must be one row.' as problem,
        'Keep one.' as remedy
    from outcome_settings
    having count(*) <> 1
    union all
    select
        'plays/outcome_settings.csv' as file_path,
        'the row' as row_key,
        case
            when coalesce(window_days, 0) < 1 or coalesce(act_within_hours, 0) < 1
                then 'window_days and act_within_hours must be at least 1.'
            when
                coalesce(response_target, -1) not between 0 and 1
                or coalesce(act_within_target, -1) not between 0 and 1
                or coalesce(gross_margin, -1) not between 0 and 1
                then 'targets and the margin go from 0 to 1.'
            when
                coalesce(
                    abs({{ normal_cdf(as_double('power_z')) }} - power_target) > 0.000001, true
                )
                then 'power_z is not the quantile of power_target.'
        end as problem,
        'The standard normal quantile of 0.8 is 0.841621233572914.' as remedy
    from outcome_settings
),

calendar_problems as (
    select
        'reference/business_hours.csv' as file_path,
        'country ' || coalesce(country, 'nothing') || ', weekday '
        || coalesce(cast(weekday as {{ dbt.type_string() }}), 'nothing') as row_key,
        case
            when
                country is null
                or weekday is null
                or opens_hour is null
                or closes_hour is null
                then 'a cell is blank that must be filled.'
            when weekday not between 1 and 7 then 'the weekday goes from 1 to 7.'
            when opens_hour < 4 or closes_hour > 23 or opens_hour >= closes_hour
                then 'the hours must lie between 4 and 23, the first before the last.'
        end as problem,
        'Leave closed days out.' as remedy
    from business_hours
    union all
    select
        'reference/business_hours.csv' as file_path,
        'country ' || country || ', weekday ' || cast(weekday as {{ dbt.type_string() }})
            as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from business_hours
    group by country, weekday
    having count(*) > 1
    union all
    select
        'reference/business_hours.csv' as file_path,
        'country any' as row_key,
        'no row says the hours of other countries.' as problem,
        'Add rows of any.' as remedy
    from business_hours
    having coalesce(sum(case when country = 'any' then 1 else 0 end), 0) = 0
    union all
    select
        'reference/holidays.csv' as file_path,
        'country ' || coalesce(country, 'nothing') || ', '
        || coalesce(cast(holiday_on as {{ dbt.type_string() }}), 'nothing') as row_key,
        'a holiday needs a country and a day and stands once.' as problem,
        'Keep one row with both.' as remedy
    from holidays
    group by country, holiday_on
    having count(*) > 1 or country is null or holiday_on is null
    union all
    select
        'reference/timezones.csv' as file_path,
        'timezone ' || coalesce(timezone, 'nothing') as row_key,
        'a timezone stands once and is not blank.' as problem,
        'Keep one row.' as remedy
    from timezones
    group by timezone
    having count(*) > 1 or timezone is null
    union all
    select
        'reference/timezones.csv' as file_path,
        'the var default_timezone' as row_key,
        'unknown timezone {{ var("default_timezone") }}.' as problem,
        'Use a name of timezones.csv.' as remedy
    from timezones
    having
        coalesce(sum(case when timezone = '{{ var("default_timezone") }}' then 1 else 0 end), 0) = 0
),

problems as (
    select * from playbook_problems
    union all
    select * from trigger_problems
    union all
    select * from priority_problems
    union all
    select * from settings_problems
    union all
    select * from calendar_problems
)

select * from problems
where problem is not null
