-- Milestone signals, one row per account and day: weights reached relative to weights due or
-- planned, and momentum. Interval sums of weights along change
-- days, which are few: an onboarding changes on some ten of its hundreds of days.
with

updates as (
    select
        account_id,
        started_on,
        ended_on,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

settings as (
    select * from {{ ref('milestone_settings') }}
),

milestones as (
    select
        account_id,
        started_on,
        due_on,
        weight,
        {{ day_of('achieved_at') }} as achieved_on,
        {{ day_of('waived_at') }} as waived_on,
        observed_until,
        case when needs_seats then first_seats_on else started_on end as planned_on,
        case
            when needs_seats then greatest({{ add_days('due_on', 1) }}, first_seats_on)
            else {{ add_days('due_on', 1) }}
        end as due_after,
        not is_observable or (needs_seats and first_seats_on is null) as is_never_planned,
        achieved_at is null and due_on > complete_through as is_not_over
    from achievements
),

-- The day from which a milestone is expected: in scope all from the first day (or the first seats),
-- in scope due from the day after its deadline, and in both at the latest when it is reached.
expected_milestones as (
    select
        account_id,
        'all' as scope,
        weight,
        achieved_on,
        waived_on,
        observed_until,
        case
            when is_never_planned then achieved_on
            else least(planned_on, coalesce(achieved_on, planned_on))
        end as counted_from
    from milestones
    union all
    select
        account_id,
        'due' as scope,
        weight,
        achieved_on,
        waived_on,
        observed_until,
        case
            when is_never_planned or is_not_over then achieved_on
            else least(due_after, coalesce(achieved_on, due_after))
        end as counted_from
    from milestones
),

-- A milestone is no longer expected, until it is reached, once it is waived or no longer observed.
-- Intervals are half-open: [counted_from, counted_until).
expected_intervals as (
    select
        account_id,
        scope,
        weight,
        achieved_on,
        counted_from,
        case
            when counted_from < achieved_on and achieved_on > observed_until
                then {{ add_days('observed_until', 1) }}
            when achieved_on is null
                then
                    coalesce(
                        least({{ add_days('observed_until', 1) }}, waived_on),
                        {{ add_days('observed_until', 1) }},
                        waived_on
                    )
        end as counted_until
    from expected_milestones
    where counted_from is not null
),

changes as (
    select
        account_id,
        counted_from as date_day,
        scope,
        weight as expected_weight
    from expected_intervals
    where coalesce(counted_from < counted_until, true)
    union all
    select
        account_id,
        counted_until as date_day,
        scope,
        -weight as expected_weight
    from expected_intervals
    where counted_from < counted_until
    union all
    select
        account_id,
        achieved_on as date_day,
        scope,
        weight as expected_weight
    from expected_intervals
    where counted_until <= achieved_on
),

-- Exponential decay as one running sum: each weight is divided by the decay from the account's
-- first day to the day it was reached, and the sum is multiplied by the decay up to the day in
-- question.
reached_milestones as (
    select
        milestones.account_id,
        milestones.achieved_on,
        milestones.weight,
        case
            when milestones.achieved_on <= milestones.due_on then milestones.weight else 0
        end as on_time_weight,
        milestones.weight * power(
            {{ as_double('settings.momentum_kept_per_week') }},
            {{ as_double(days_between('milestones.achieved_on', 'milestones.started_on')) }} / 7
        ) as grown_weight
    from milestones
    cross join settings
    where milestones.achieved_on is not null
),

steps as (
    select
        account_id,
        date_day,
        case when scope = 'all' then expected_weight else 0 end as all_weight,
        case when scope = 'due' then expected_weight else 0 end as due_weight,
        0 as reached_weight,
        0 as on_time_weight,
        {{ as_double('0') }} as grown_weight,
        cast(null as date) as achieved_on
    from changes
    union all
    select
        account_id,
        achieved_on as date_day,
        0 as all_weight,
        0 as due_weight,
        weight as reached_weight,
        on_time_weight,
        grown_weight,
        achieved_on
    from reached_milestones
    union all
    select
        account_id,
        first_day as date_day,
        0 as all_weight,
        0 as due_weight,
        0 as reached_weight,
        0 as on_time_weight,
        {{ as_double('0') }} as grown_weight,
        cast(null as date) as achieved_on
    from updates
),

-- Changes dated before the first computed day are booked on that day.
daily_steps as (
    select
        steps.account_id,
        updates.started_on,
        updates.ended_on,
        greatest(steps.date_day, updates.first_day) as date_day,
        sum(steps.all_weight) as all_weight,
        sum(steps.due_weight) as due_weight,
        sum(steps.reached_weight) as reached_weight,
        sum(steps.on_time_weight) as on_time_weight,
        sum(steps.grown_weight) as grown_weight,
        max(steps.achieved_on) as achieved_on
    from steps
    inner join updates
        on steps.account_id = updates.account_id and steps.date_day <= updates.ended_on
    group by
        steps.account_id,
        updates.started_on,
        updates.ended_on,
        greatest(steps.date_day, updates.first_day)
),

totals as (
    select
        account_id,
        started_on,
        date_day as first_day,
        {{ last_day_unchanged() }} as last_day,
        sum(all_weight) {{ over_so_far() }} as all_weight,
        sum(due_weight) {{ over_so_far() }} as due_weight,
        sum(reached_weight) {{ over_so_far() }} as reached_weight,
        sum(on_time_weight) {{ over_so_far() }} as on_time_weight,
        sum(grown_weight) {{ over_so_far() }} as grown_weight,
        max(achieved_on) {{ over_so_far() }} as last_achieved_on
    from daily_steps
),

stretches as (
    select
        totals.account_id,
        totals.started_on,
        totals.first_day,
        totals.last_day,
        totals.all_weight,
        totals.grown_weight,
        totals.last_achieved_on,
        settings.momentum_kept_per_week,
        {{ ratio('totals.reached_weight', 'totals.due_weight') }} as milestone_completion_due,
        {{ ratio('totals.reached_weight', 'totals.all_weight') }} as milestone_completion_all,
        case
            when totals.due_weight > 0
                then
                    {{ ratio(
                        '(totals.reached_weight + settings.not_due_credit'
                        ~ ' * (totals.all_weight - totals.due_weight))',
                        'totals.all_weight'
                    ) }}
        end as milestone_completion_damped,
        {{ ratio('totals.on_time_weight', 'totals.due_weight') }} as milestones_on_time_share
    from totals
    cross join settings
),

days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

signals as (
    select
        account_id,
        date_day,
        milestone_completion_due,
        milestone_completion_all,
        milestone_completion_damped,
        milestones_on_time_share,
        {{ ratio(
            'grown_weight * power(' ~ as_double('momentum_kept_per_week') ~ ', '
            ~ as_double(days_between('started_on', 'date_day')) ~ ' / 7)',
            'all_weight'
        ) }} as milestone_momentum,
        {{ days_between('last_achieved_on', 'date_day') }} as days_since_milestone
    from days
)

select * from signals
