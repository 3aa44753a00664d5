with

updates as (
    select
        account_id,
        ended_on,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

dated as (
    select
        account_id,
        weight,
        cast(achieved_at as date) as achieved_on,
        cast(waived_at as date) as waived_on,
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
        weight as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from counted
    where coalesce(counted_from < counted_until, true)
    union all
    select
        account_id,
        counted_until as date_day,
        scope,
        -weight as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from counted
    where counted_from < counted_until
    union all
    select
        account_id,
        achieved_on as date_day,
        scope,
        weight as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from counted
    where counted_until <= achieved_on
    union all
    select
        account_id,
        achieved_on as date_day,
        'reached' as scope,
        0 as expected_weight,
        weight as reached_weight,
        achieved_on
    from dated
    where achieved_on is not null
    union all
    select
        account_id,
        first_day as date_day,
        'reached' as scope,
        0 as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from updates
),

-- What came before the first day counts on it.
daily_changes as (
    select
        changes.account_id,
        updates.ended_on,
        greatest(changes.date_day, updates.first_day) as date_day,
        sum(case when changes.scope = 'all' then changes.expected_weight else 0 end) as all_weight,
        sum(case when changes.scope = 'due' then changes.expected_weight else 0 end) as due_weight,
        sum(changes.reached_weight) as reached_weight,
        max(changes.achieved_on) as achieved_on
    from changes
    inner join updates
        on changes.account_id = updates.account_id and changes.date_day <= updates.ended_on
    group by changes.account_id, updates.ended_on, greatest(changes.date_day, updates.first_day)
),

running as (
    select
        account_id,
        date_day as first_day,
        {{ last_day_unchanged() }} as last_day,
        sum(all_weight) {{ over_so_far() }} as all_weight,
        sum(due_weight) {{ over_so_far() }} as due_weight,
        sum(reached_weight) {{ over_so_far() }} as reached_weight,
        max(achieved_on) {{ over_so_far() }} as last_achieved_on
    from daily_changes
),

stretches as (
    select
        account_id,
        first_day,
        last_day,
        {{ ratio('reached_weight', 'due_weight') }} as milestone_completion_due,
        {{ ratio('reached_weight', 'all_weight') }} as milestone_completion_all,
        last_achieved_on
    from running
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
        {{ days_between('last_achieved_on', 'date_day') }} as days_since_milestone
    from days
)

select * from signals
