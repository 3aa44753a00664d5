-- Days on which a condition of the risk rules holds for an account; one with `sustained_days` holds
-- once it was met on that many days in a row. One row per account, day and condition.
with

signals as (
    select * from {{ ref('signals') }}
    where window_days is not null and observed_by is not null
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
),

-- That a signal is below a threshold means something only where its whole window was observed.
-- `observed_signal` is a column so that the join to its coverage has nothing but equalities: with
-- another condition in it, DuckDB compared each day with each in a later build.
conditions as (
    select
        risk_conditions.condition_number,
        risk_conditions.measure,
        risk_conditions.subject,
        risk_conditions.operator,
        risk_conditions.threshold,
        risk_conditions.within_days,
        risk_conditions.sustained_days,
        risk_conditions.holds_when_null,
        max(risk_conditions.occasion) as occasion,
        max(signals.signal) as observed_signal,
        max(signals.window_days) as observed_window_days,
        min(risk_conditions.from_day) - risk_conditions.sustained_days + 1 as from_day,
        max(risk_conditions.to_day) as to_day
    from {{ ref('int_risk_conditions') }} as risk_conditions
    left join signals
        on
            case
                when
                    risk_conditions.measure = 'signal'
                    and risk_conditions.operator in ('<', '<=')
                    then risk_conditions.subject
            end = signals.signal
    group by
        risk_conditions.condition_number,
        risk_conditions.measure,
        risk_conditions.subject,
        risk_conditions.operator,
        risk_conditions.threshold,
        risk_conditions.within_days,
        risk_conditions.sustained_days,
        risk_conditions.holds_when_null
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

account_ages as (
    select
        account_id,
        date_day,
        account_age_days
    from {{ ref('int_measured_signals') }}
),

milestone_signals as (
    select * from {{ ref('int_milestone_signals') }}
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
    where is_observable and due_on <= complete_through
),

falls as (
    select * from {{ ref('int_risk_falls') }}
),

event_values as (
    select * from {{ ref('int_risk_event_values') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where
        track = 'live'
        and status = 'scored'
        and {{ is_score_weekday('score_date') }}
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
    inner join milestone_signals
        on
            measured_signals.account_id = milestone_signals.account_id
            and measured_signals.date_day = milestone_signals.date_day
),

-- greatest(...) <= 0 tests both ends of the age window in one comparison: with two, an engine sorts
-- all days.
signal_values as (
    select
        account_signals.account_id,
        account_signals.date_day,
        conditions.condition_number,
        {{ signal_value('conditions.subject') }} as criterion_value
    from account_signals
    inner join conditions
        on
            conditions.measure = 'signal'
            and greatest(
                conditions.from_day - account_signals.account_age_days,
                account_signals.account_age_days - conditions.to_day
            ) <= 0
    left join signal_coverage
        on
            conditions.observed_signal = signal_coverage.signal
            and account_signals.date_day = signal_coverage.date_day
    where
        conditions.observed_window_days is null
        or signal_coverage.observed_since <= {{ add_days(
            'account_signals.date_day',
            '-least(conditions.observed_window_days - 1, account_signals.account_age_days)'
        ) }}
),

fall_values as (
    select
        account_ages.account_id,
        account_ages.date_day,
        conditions.condition_number,
        cast(falls.false_discovery_rate as decimal(24, 6)) as criterion_value
    from account_ages
    inner join falls
        on
            account_ages.account_id = falls.account_id
            and account_ages.date_day = falls.date_day
    inner join conditions
        on
            conditions.measure = 'fall'
            and greatest(
                conditions.from_day - account_ages.account_age_days,
                account_ages.account_age_days - conditions.to_day
            ) <= 0
),

recent_scores as (
    select
        conditions.condition_number,
        scores.account_id,
        scores.score_date,
        scores.score,
        max(earlier_scores.score) as highest_score
    from scores
    inner join conditions
        on conditions.measure = 'health_score'
    inner join scores as earlier_scores
        on
            scores.account_id = earlier_scores.account_id
            and scores.score_date >= earlier_scores.score_date
            and {{ days_between('earlier_scores.score_date', 'scores.score_date') }}
            <= coalesce(conditions.within_days, 0)
    group by
        conditions.condition_number, scores.account_id, scores.score_date, scores.score
),

-- A score holds until the next score weekday.
score_values as (
    select
        account_ages.account_id,
        account_ages.date_day,
        conditions.condition_number,
        cast(
            case conditions.subject
                when 'score' then recent_scores.score
                when 'highest' then recent_scores.highest_score
                else recent_scores.highest_score - recent_scores.score
            end as decimal(24, 6)
        ) as criterion_value
    from account_ages
    inner join recent_scores
        on
            account_ages.account_id = recent_scores.account_id
            and {{ last_score_weekday('account_ages.date_day') }} = recent_scores.score_date
    inner join conditions
        on
            recent_scores.condition_number = conditions.condition_number
            and greatest(
                conditions.from_day - account_ages.account_age_days,
                account_ages.account_age_days - conditions.to_day
            ) <= 0
),

open_milestones as (
    select
        account_id,
        milestone_id,
        started_on,
        {{ days_between('started_on', 'due_on') }} as deadline_days,
        case
            when needs_seats then greatest(due_on, first_seats_on)
            else due_on
        end as overdue_since,
        least(
            ended_on,
            observed_until,
            coalesce({{ add_days(day_of('achieved_at'), -1) }}, ended_on),
            coalesce({{ add_days(day_of('waived_at'), -1) }}, ended_on)
        ) as open_to
    from achievements
    where not needs_seats or first_seats_on is not null
),

open_conditions as (
    select
        open_milestones.account_id,
        open_milestones.overdue_since,
        conditions.condition_number,
        greatest(
            open_milestones.overdue_since,
            {{ add_days('open_milestones.started_on', 'conditions.from_day') }}
        ) as open_from,
        case
            when conditions.to_day = 1000000 then open_milestones.open_to
            else
                least(
                    open_milestones.open_to,
                    {{ add_days('open_milestones.started_on', 'conditions.to_day') }}
                )
        end as open_to
    from open_milestones
    inner join conditions
        on
            conditions.measure = 'milestone_days_overdue'
            and (
                conditions.subject in ('any', open_milestones.milestone_id)
                or {{ try_cast_to("replace(conditions.subject, 'due_by:', '')", 'bigint') }}
                >= open_milestones.deadline_days
            )
),

open_days as (
    select
        account_id,
        condition_number,
        overdue_since,
        {{ each_day('open_from', 'open_to') }} as date_day
    from open_conditions{{ from_each_day('open_from', 'open_to') }}
    where open_from <= open_to
),

-- Of several overdue milestones, the one overdue longest counts.
first_overdue as (
    select
        account_id,
        condition_number,
        date_day,
        min(overdue_since) as overdue_since
    from open_days
    group by account_id, condition_number, date_day
),

milestone_values as (
    select
        account_id,
        date_day,
        condition_number,
        cast({{ days_between('overdue_since', 'date_day') }} as decimal(24, 6)) as criterion_value
    from first_overdue
),

condition_values as (
    select * from signal_values
    union all
    select * from fall_values
    union all
    select * from score_values
    union all
    select * from milestone_values
    union all
    select account_id, date_day, condition_number, criterion_value from event_values
),

-- Thresholds are joined after the values are computed, so that an engine computes no value twice.
values_with_condition as (
    select
        condition_values.*,
        conditions.measure,
        conditions.occasion,
        conditions.operator,
        conditions.threshold,
        conditions.sustained_days,
        conditions.holds_when_null
    from condition_values
    inner join conditions
        on condition_values.condition_number = conditions.condition_number
),

met_days as (
    select
        account_id,
        date_day,
        condition_number,
        sustained_days,
        criterion_value,
        case
            when
                occasion = 'since' and (measure = 'milestone_days_overdue' or criterion_value > 0)
                then {{ add_days('date_day', '-criterion_value') }}
            when occasion = 'until' then {{ add_days('date_day', 'criterion_value') }}
        end as occasion_on
    from values_with_condition
    where {{ criterion_is_met('criterion_value') }}
),

-- Gaps and islands: the day less its row number is the same for all days of a streak.
days_with_streak as (
    select
        met_days.*,
        {{ add_days(
            'date_day',
            '-row_number() over (partition by account_id, condition_number order by date_day)'
        ) }} as streak
    from met_days
    where sustained_days > 1
),

numbered_streak_days as (
    select
        days_with_streak.*,
        row_number() over (
            partition by account_id, condition_number, streak order by date_day
        ) as streak_days
    from days_with_streak
),

condition_days as (
    select
        account_id,
        date_day,
        condition_number,
        criterion_value,
        occasion_on
    from met_days
    where sustained_days = 1
    union all
    select
        account_id,
        date_day,
        condition_number,
        criterion_value,
        occasion_on
    from numbered_streak_days
    where streak_days >= sustained_days
)

select * from condition_days
