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

dated as (
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

-- All milestones of the plan count from the first day, those that are due from the day after; one
-- that is reached counts in both from then on.
starting as (
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
    from dated
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
    from dated
),

-- What is not reached is expected no longer once it is waived, or once nobody could see it.
counted as (
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
    from starting
    where counted_from is not null
),

changes as (
    select
        account_id,
        counted_from as date_day,
        scope,
        weight as expected_weight
    from counted
    where coalesce(counted_from < counted_until, true)
    union all
    select
        account_id,
        counted_until as date_day,
        scope,
        -weight as expected_weight
    from counted
    where counted_from < counted_until
    union all
    select
        account_id,
        achieved_on as date_day,
        scope,
        weight as expected_weight
    from counted
    where counted_until <= achieved_on
),

-- A weight that fades by a factor is grown from the account's first day to the day it was
-- reached, so that one running sum, shrunk from the first day to any day, holds them all.
reached as (
    select
        dated.account_id,
        dated.achieved_on,
        dated.weight,
        case when dated.achieved_on <= dated.due_on then dated.weight else 0 end as on_time_weight,
        dated.weight * power(
            {{ as_double('settings.momentum_kept_per_week') }},
            {{ days_between('dated.achieved_on', 'dated.started_on') }} / 7.0
        ) as grown_weight
    from dated
    cross join settings
    where dated.achieved_on is not null
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
    from reached
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

-- What came before the first day counts on it.
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

running as (
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
        running.account_id,
        running.started_on,
        running.first_day,
        running.last_day,
        running.all_weight,
        running.grown_weight,
        running.last_achieved_on,
        settings.momentum_kept_per_week,
        {{ ratio('running.reached_weight', 'running.due_weight') }} as milestone_completion_due,
        {{ ratio('running.reached_weight', 'running.all_weight') }} as milestone_completion_all,
        case
            when running.due_weight > 0
                then
                    {{ ratio(
                        '(running.reached_weight + settings.not_due_credit'
                        ~ ' * (running.all_weight - running.due_weight))',
                        'running.all_weight'
                    ) }}
        end as milestone_completion_damped,
        {{ ratio('running.on_time_weight', 'running.due_weight') }} as milestones_on_time_share
    from running
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
            ~ days_between('started_on', 'date_day') ~ ' / 7.0)',
            'all_weight'
        ) }} as milestone_momentum,
        {{ days_between('last_achieved_on', 'date_day') }} as days_since_milestone
    from days
)

select * from signals
