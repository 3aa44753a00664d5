{%- set text = dbt.type_string() -%}
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

rules as (
    select * from {{ ref('int_risk_rules') }}
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

signals as (
    select * from {{ ref('signals') }}
),

seen_criteria as (
    select
        episodes.risk_signal_id,
        episodes.account_id,
        episodes.last_seen_on,
        conditions.condition_number,
        conditions.measure,
        conditions.subject,
        conditions.operator,
        conditions.threshold,
        conditions.label,
        first_days.criterion_value as first_value,
        last_days.criterion_value as last_value
    from episodes
    inner join conditions
        on episodes.rule_id = conditions.rule_id
    inner join condition_days as first_days
        on
            episodes.account_id = first_days.account_id
            and conditions.condition_number = first_days.condition_number
            and episodes.first_seen_on = first_days.date_day
    inner join condition_days as last_days
        on
            episodes.account_id = last_days.account_id
            and conditions.condition_number = last_days.condition_number
            and episodes.last_seen_on = last_days.date_day
),

late_milestones as (
    select
        seen_criteria.risk_signal_id,
        seen_criteria.condition_number,
        replace(
            {{ joined_texts("replace(achievements.milestone, '_', ' ')") }}, ',', ', '
        ) as milestones
    from seen_criteria
    inner join achievements
        on
            seen_criteria.account_id = achievements.account_id
            and {{ days_between('achievements.due_on', 'seen_criteria.last_seen_on') }}
            = seen_criteria.last_value
    where
        seen_criteria.measure = 'milestone_days_overdue'
        and (
            seen_criteria.subject in ('any', achievements.milestone_id)
            or seen_criteria.subject like 'due_by:%'
        )
        and coalesce(
            cast(achievements.achieved_at as date) > seen_criteria.last_seen_on, true
        )
        and coalesce(cast(achievements.waived_at as date) > seen_criteria.last_seen_on, true)
    group by seen_criteria.risk_signal_id, seen_criteria.condition_number
),

worded as (
    select
        seen_criteria.risk_signal_id,
        '{"measure":"' || seen_criteria.measure
        || '","subject":"' || seen_criteria.subject
        || '","operator":"' || seen_criteria.operator
        || '","threshold":' || {{ number_text('seen_criteria.threshold') }}
        || ',"first_value":'
        || coalesce({{ number_text('seen_criteria.first_value') }}, 'null')
        || ',"last_value":'
        || coalesce({{ number_text('seen_criteria.last_value') }}, 'null')
        || '}' as criterion,
        case
            when seen_criteria.measure = 'milestone_days_overdue'
                then
                    ' ' || late_milestones.milestones || ' due '
                    || {{ number_text('seen_criteria.last_value') }}
                    || case when seen_criteria.last_value = 1 then ' day' else ' days' end || ' ago'
            else
                ' ' || seen_criteria.label || ' '
                || coalesce(
                    {{ number_with_unit('seen_criteria.last_value', 'signals.unit') }},
                    'not observed'
                )
                || ' ('
                || case seen_criteria.operator
                    when '>=' then 'at least '
                    when '>' then 'above '
                    when '<=' then 'at most '
                    else 'below '
                end
                || {{ number_with_unit('seen_criteria.threshold', 'signals.unit') }} || ')'
        end as wording
    from seen_criteria
    left join late_milestones
        on
            seen_criteria.risk_signal_id = late_milestones.risk_signal_id
            and seen_criteria.condition_number = late_milestones.condition_number
    left join signals
        on seen_criteria.subject = signals.signal
),

explained as (
    select
        risk_signal_id,
        '[' || {{ joined_texts('criterion') }} || ']' as evidence,
        {{ joined_texts('wording') }} as wording
    from worded
    group by risk_signal_id
),

risk_signals as (
    select
        episodes.risk_signal_id,
        episodes.account_id,
        episodes.rule_id,
        rules.rule,
        episodes.risk_window,
        episodes.severity,
        episodes.first_seen_on,
        episodes.last_seen_on,
        episodes.cleared_on,
        episodes.cleared_by,
        episodes.is_active,
        episodes.band_cap,
        episodes.owner_role,
        accounts.owner_id,
        explained.evidence,
        rules.rule
        || case
            when episodes.last_seen_on = accounts.observed_until
                then ' since ' || cast(episodes.first_seen_on as {{ text }})
            else
                ' from ' || cast(episodes.first_seen_on as {{ text }})
                || ' to ' || cast(episodes.last_seen_on as {{ text }})
        end
        || ':' || explained.wording || '.' as reason
    from episodes
    inner join accounts
        on episodes.account_id = accounts.account_id
    inner join rules
        on
            episodes.rule_id = rules.rule_id
            and accounts.segment = rules.segment
    inner join explained
        on episodes.risk_signal_id = explained.risk_signal_id
)

select * from risk_signals
