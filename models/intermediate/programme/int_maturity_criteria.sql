-- Whether each criterion of the maturity stages holds for an account on its score dates. One row
-- per account, score date, stage and criterion.
with

stages as (
    select * from {{ ref('maturity_stages') }}
),

criteria as (
    select
        maturity_criteria.*,
        stages.stage_order
    from {{ ref('maturity_criteria') }} as maturity_criteria
    inner join stages
        on maturity_criteria.stage = stages.stage
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status not in ('churned', 'completed')
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

milestone_signals as (
    select * from {{ ref('int_milestone_signals') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
    where is_primary
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
    where is_observable
),

account_signals as (
    select
        measured_signals.*,
        milestone_signals.milestone_completion_due,
        milestone_signals.milestone_completion_all,
        milestone_signals.milestone_completion_damped,
        milestone_signals.milestones_on_time_share,
        milestone_signals.milestone_momentum,
        milestone_signals.days_since_milestone
    from measured_signals
    inner join scores
        on
            measured_signals.account_id = scores.account_id
            and measured_signals.date_day = scores.score_date
    inner join milestone_signals
        on
            measured_signals.account_id = milestone_signals.account_id
            and measured_signals.date_day = milestone_signals.date_day
),

signal_values as (
    select
        account_signals.account_id,
        account_signals.date_day as score_date,
        criteria.stage,
        criteria.criterion_order,
        {{ signal_value('criteria.subject') }} as criterion_value
    from account_signals
    inner join criteria
        on criteria.measure = 'signal'
),

meant_milestones as (
    select
        accounts.account_id,
        criteria.stage,
        criteria.criterion_order,
        case
            when criteria.subject = 'first_value' then activation_milestones.milestone_id
            else criteria.subject
        end as milestone_id
    from criteria
    cross join accounts
    left join activation_milestones
        on accounts.product_category = activation_milestones.product_category
    where criteria.measure = 'milestone'
),

-- 1 once it is reached, 0 before; null where it is waived, not observed or not of the journey.
milestone_values as (
    select
        scores.account_id,
        scores.score_date,
        meant_milestones.stage,
        meant_milestones.criterion_order,
        cast(
            case
                when achievements.account_id is null then null
                when {{ day_of('achievements.achieved_at') }} <= scores.score_date then 1
                when {{ day_of('achievements.waived_at') }} <= scores.score_date then null
                else 0
            end as decimal(24, 6)
        ) as criterion_value
    from scores
    inner join meant_milestones
        on scores.account_id = meant_milestones.account_id
    left join achievements
        on
            meant_milestones.account_id = achievements.account_id
            and meant_milestones.milestone_id = achievements.milestone_id
),

score_values as (
    select
        scores.account_id,
        scores.score_date,
        criteria.stage,
        criteria.criterion_order,
        cast(case when scores.status = 'scored' then scores.score end as decimal(24, 6))
            as criterion_value
    from scores
    inner join criteria
        on criteria.measure = 'health_score'
),

criterion_values as (
    select * from signal_values
    union all
    select * from milestone_values
    union all
    select * from score_values
),

criteria_with_value as (
    select
        criterion_values.account_id,
        criterion_values.score_date,
        criteria.stage,
        criteria.stage_order,
        criteria.criterion_order,
        criterion_values.criterion_value,
        criteria.operator,
        criteria.threshold,
        criteria.holds_when_null
    from criterion_values
    inner join criteria
        on
            criterion_values.stage = criteria.stage
            and criterion_values.criterion_order = criteria.criterion_order
),

criteria_with_outcome as (
    select
        account_id,
        score_date,
        stage,
        stage_order,
        criterion_order,
        criterion_value,
        {{ criterion_is_met('criterion_value') }} as is_met
    from criteria_with_value
)

select * from criteria_with_outcome
