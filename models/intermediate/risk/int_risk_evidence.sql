-- What met the criteria of each risk episode on its first and last day, as JSON and in words. One
-- row per episode.
with

episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

conditions as (
    select * from {{ ref('int_risk_conditions') }}
),

condition_days as (
    select * from {{ ref('int_risk_condition_days') }}
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

milestones as (
    select * from {{ ref('milestones') }}
),

signals as (
    select * from {{ ref('signals') }}
),

seen_days as (
    select
        risk_signal_id,
        account_id,
        rule_id,
        'first' as seen,
        first_seen_on as seen_on
    from episodes
    union all
    select
        risk_signal_id,
        account_id,
        rule_id,
        'last' as seen,
        last_seen_on as seen_on
    from episodes
),

seen_criteria as (
    select
        seen_days.risk_signal_id,
        seen_days.account_id,
        seen_days.seen,
        seen_days.seen_on,
        conditions.condition_number,
        conditions.measure,
        conditions.subject,
        conditions.operator,
        conditions.threshold,
        conditions.within_days,
        conditions.min_days,
        conditions.label,
        conditions.occasion,
        condition_days.criterion_value,
        condition_days.occasion_on
    from seen_days
    inner join conditions
        on seen_days.rule_id = conditions.rule_id
    inner join condition_days
        on
            seen_days.account_id = condition_days.account_id
            and conditions.condition_number = condition_days.condition_number
            and seen_days.seen_on = condition_days.date_day
),

-- The milestones that were overdue on the day, as int_risk_condition_days counts them.
dues as (
    select
        seen_criteria.risk_signal_id,
        seen_criteria.seen,
        seen_criteria.condition_number,
        {{ days_between('achievements.due_on', 'seen_criteria.seen_on') }} as days_overdue,
        {{ joined_texts("replace(milestones.milestone, '_', ' ')", separator=', ') }}
            as milestones
    from seen_criteria
    inner join achievements
        on
            seen_criteria.account_id = achievements.account_id
            and case
                when achievements.needs_seats
                    then greatest(achievements.due_on, achievements.first_seats_on)
                else achievements.due_on
            end = seen_criteria.occasion_on
    inner join milestones
        on achievements.milestone_id = milestones.milestone_id
    where
        seen_criteria.measure = 'milestone_days_overdue'
        and (
            seen_criteria.subject in ('any', achievements.milestone_id)
            or {{ try_cast_to("replace(seen_criteria.subject, 'due_by:', '')", 'bigint') }}
            >= {{ days_between('achievements.started_on', 'achievements.due_on') }}
        )
        and achievements.is_observable
        and achievements.due_on <= achievements.complete_through
        and seen_criteria.seen_on <= achievements.observed_until
        and coalesce({{ day_of('achievements.achieved_at') }} > seen_criteria.seen_on, true)
        and coalesce({{ day_of('achievements.waived_at') }} > seen_criteria.seen_on, true)
        and (
            not achievements.needs_seats
            or coalesce(achievements.first_seats_on <= seen_criteria.seen_on, false)
        )
    group by
        seen_criteria.risk_signal_id,
        seen_criteria.seen,
        seen_criteria.condition_number,
        {{ days_between('achievements.due_on', 'seen_criteria.seen_on') }}
),

due_texts as (
    select
        risk_signal_id,
        seen,
        condition_number,
        days_overdue,
        milestones || ' due ' || {{ number_text('cast(days_overdue as decimal(24, 6))') }}
        || case when days_overdue = 1 then ' day' else ' days' end || ' ago' as due_text
    from dues
),

late_milestones as (
    select
        risk_signal_id,
        seen,
        condition_number,
        {{ joined_texts('due_text', by='-days_overdue', separator=', ') }} as milestones
    from due_texts
    group by risk_signal_id, seen, condition_number
),

unit_criteria as (
    select
        seen_criteria.*,
        case when seen_criteria.measure = 'fall' then 'ratio' else signals.unit end as unit
    from seen_criteria
    left join signals
        on
            case when seen_criteria.measure = 'signal' then seen_criteria.subject end
            = signals.signal
),

criteria_with_wording as (
    select
        unit_criteria.*,
        case
            when unit_criteria.measure = 'milestone_days_overdue'
                then ' ' || late_milestones.milestones
            else
                ' ' || unit_criteria.label || ' '
                || coalesce(
                    {{ number_with_unit('unit_criteria.criterion_value', 'unit_criteria.unit') }},
                    'not observed'
                )
                || ' ('
                || case unit_criteria.operator
                    when '>=' then 'at least '
                    when '>' then 'above '
                    when '<=' then 'at most '
                    else 'below '
                end
                || {{ number_with_unit('unit_criteria.threshold', 'unit_criteria.unit') }}
                || coalesce(
                    case unit_criteria.occasion when 'since' then '; since ' else '; until ' end
                    || cast(unit_criteria.occasion_on as {{ dbt.type_string() }}), ''
                )
                || ')'
        end as wording
    from unit_criteria
    left join late_milestones
        on
            unit_criteria.risk_signal_id = late_milestones.risk_signal_id
            and unit_criteria.seen = late_milestones.seen
            and unit_criteria.condition_number = late_milestones.condition_number
),

criteria as (
    select
        risk_signal_id,
        '{"measure":"' || measure || '","subject":"' || subject || '","operator":"' || operator
        || '","threshold":' || {{ number_text('threshold') }}
        || coalesce(',"within_days":' || cast(within_days as {{ dbt.type_string() }}), '')
        || coalesce(',"min_days":' || cast(min_days as {{ dbt.type_string() }}), '')
        || ',"first_value":'
        || coalesce(
            max(case when seen = 'first' then {{ number_text('criterion_value') }} end), 'null'
        )
        || ',"last_value":'
        || coalesce(
            max(case when seen = 'last' then {{ number_text('criterion_value') }} end), 'null'
        )
        || '}' as criterion,
        max(case when seen = 'first' then wording end) as first_wording,
        max(case when seen = 'last' then wording end) as last_wording
    from criteria_with_wording
    group by
        risk_signal_id,
        condition_number,
        measure,
        subject,
        operator,
        threshold,
        within_days,
        min_days
),

evidence as (
    select
        risk_signal_id,
        '[' || {{ joined_texts('criterion') }} || ']' as evidence,
        {{ joined_texts('first_wording') }} as first_wording,
        {{ joined_texts('last_wording') }} as last_wording
    from criteria
    group by risk_signal_id
)

select * from evidence
