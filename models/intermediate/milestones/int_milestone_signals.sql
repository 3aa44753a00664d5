with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
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
        case
            when needs_seats then greatest({{ add_days('due_on', 1) }}, first_seats_on)
            else {{ add_days('due_on', 1) }}
        end as expected_on,
        needs_seats and first_seats_on is null as is_never_expected
    from achievements
),

counted as (
    select
        account_id,
        weight,
        achieved_on,
        waived_on,
        case
            when is_never_expected then achieved_on
            else least(expected_on, coalesce(achieved_on, expected_on))
        end as counted_from
    from dated
),

changes as (
    select
        account_id,
        counted_from as date_day,
        weight as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from counted
    where counted_from is not null and coalesce(counted_from < waived_on, true)
    union all
    select
        account_id,
        waived_on as date_day,
        -weight as expected_weight,
        0 as reached_weight,
        cast(null as date) as achieved_on
    from counted
    where counted_from < waived_on
    union all
    select
        account_id,
        achieved_on as date_day,
        0 as expected_weight,
        weight as reached_weight,
        achieved_on
    from counted
    where achieved_on is not null
),

-- What came before the first day in sight counts on it.
daily_changes as (
    select
        changes.account_id,
        greatest(changes.date_day, updates.{{ first_day() }}) as date_day,
        sum(changes.expected_weight) as expected_weight,
        sum(changes.reached_weight) as reached_weight,
        max(changes.achieved_on) as achieved_on
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by changes.account_id, greatest(changes.date_day, updates.{{ first_day() }})
),

running as (
    select
        account_days.account_id,
        account_days.date_day,
        sum(daily_changes.expected_weight) over (
            partition by account_days.account_id order by account_days.date_day
        ) as expected_weight,
        sum(daily_changes.reached_weight) over (
            partition by account_days.account_id order by account_days.date_day
        ) as reached_weight,
        max(daily_changes.achieved_on) over (
            partition by account_days.account_id order by account_days.date_day
        ) as last_achieved_on
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
),

signals as (
    select
        account_id,
        date_day,
        {{ ratio('reached_weight', 'expected_weight') }} as milestone_completion,
        {{ days_between('last_achieved_on', 'date_day') }} as days_since_milestone
    from running
)

select * from signals
