{%- set same_condition = '(partition by account_id, condition_number order by date_day)' -%}

-- Days on which all signal criteria of a milestone and phase hold. One row per account, onboarding,
-- milestone, phase and such day. Each criterion must have held for its sustained_days.
with

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

criteria as (
    select
        *,
        dense_rank() over (
            order by subject, operator, threshold, sustained_days, holds_when_null
        ) as condition_number
    from {{ ref('milestone_criteria') }}
    where measure = 'signal'
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

rules as (
    select
        milestone_id,
        phase,
        count(*) as criterion_count
    from criteria
    group by milestone_id, phase
),

conditions as (
    select distinct
        plan.account_id,
        updates.{{ first_day() }} as first_day,
        criteria.condition_number,
        criteria.subject,
        criteria.operator,
        criteria.threshold,
        criteria.sustained_days,
        criteria.holds_when_null
    from plan
    inner join criteria
        on plan.milestone_id = criteria.milestone_id
    inner join updates
        on plan.account_id = updates.account_id
),

condition_values as (
    select
        conditions.*,
        measured_signals.date_day,
        {{ signal_value('conditions.subject', with_milestones=false) }} as signal_value
    from conditions
    inner join measured_signals
        on
            conditions.account_id = measured_signals.account_id
            and measured_signals.date_day
            > {{ add_days('conditions.first_day', '-conditions.sustained_days') }}
),

condition_days as (
    select
        account_id,
        first_day,
        condition_number,
        sustained_days,
        date_day,
        {{ criterion_is_met('signal_value') }} as is_true
    from condition_values
),

-- Running maximum of the failing days: the distance to the last one is how long the condition
-- holds.
days_with_last_failure as (
    select
        condition_days.*,
        coalesce(
            max(case when not is_true then date_day end) over {{ same_condition }},
            {{ add_days('min(date_day) over ' ~ same_condition, -1) }}
        ) as last_day_before
    from condition_days
    where sustained_days > 1
),

holding_days as (
    select
        account_id,
        condition_number,
        date_day
    from condition_days
    where is_true and sustained_days = 1
    union all
    select
        account_id,
        condition_number,
        date_day
    from days_with_last_failure
    where
        is_true
        and date_day >= first_day
        and {{ days_between('last_day_before', 'date_day') }} >= sustained_days
),

signal_days as (
    select
        plan.account_id,
        plan.onboarding_number,
        plan.milestone_id,
        rules.phase,
        holding_days.date_day
    from plan
    inner join criteria
        on plan.milestone_id = criteria.milestone_id
    inner join rules
        on criteria.milestone_id = rules.milestone_id and criteria.phase = rules.phase
    inner join holding_days
        on
            plan.account_id = holding_days.account_id
            and plan.started_on <= holding_days.date_day
            and criteria.condition_number = holding_days.condition_number
    group by
        plan.account_id,
        plan.onboarding_number,
        plan.milestone_id,
        rules.phase,
        rules.criterion_count,
        holding_days.date_day
    having count(*) = rules.criterion_count
)

select * from signal_days
