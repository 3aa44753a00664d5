-- Seat holders, one row per account and day since its first seat_assigned. Interval sums of +1/-1
-- over half-open stretches from assignment to release: a window over days sees no stretch.
-- Stretches shifted by 30 days count the holders of 30 days before. Overlaps of two stretches count
-- the users who are both, such as holders now and then, or holders who are active.
{%- set measures = ['assigned', 'assigned_before', 'remaining', 'busy'] %}
{%- set never = "cast('2300-01-01' as date)" %}

with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

updates as (
    select
        account_id,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

seat_events as (
    select * from {{ ref('stg_crm__seat_events') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
    where active_events > 0
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'product'
),

first_assignments as (
    select
        account_id,
        min({{ day_of('occurred_at') }}) as assigned_on
    from seat_events
    where event_type = 'seat_assigned'
    group by account_id
),

numbered_events as (
    select
        account_id,
        user_id,
        event_type,
        {{ day_of('occurred_at') }} as date_day,
        row_number() over (
            partition by account_id, user_id, {{ day_of('occurred_at') }}
            order by {{ in_business_order() }}
        ) as event_number,
        count(*) over (partition by account_id, user_id, {{ day_of('occurred_at') }}) as events
    from seat_events
),

-- The last event of a day decides who holds the seat.
ends_of_days as (
    select
        account_id,
        user_id,
        event_type,
        date_day,
        coalesce(
            lead(date_day) over (partition by account_id, user_id order by date_day), {{ never }}
        ) as next_day
    from numbered_events
    where event_number = events
),

held_seats as (
    select
        account_id,
        user_id,
        date_day as held_from,
        next_day as held_until,
        {{ add_days('date_day', 30) }} as held_before_from,
        case
            when next_day < {{ never }} then {{ add_days('next_day', 30) }} else next_day
        end as held_before_until
    from ends_of_days
    where event_type = 'seat_assigned'
),

seat_users as (
    select distinct
        account_id,
        user_id
    from held_seats
),

-- After the last complete day, users who were active in the 30 days up to it still count as active.
used_stretches as (
    select
        user_days.account_id,
        user_days.user_id,
        user_days.date_day as used_from,
        least(
            coalesce(
                lead(user_days.date_day) over (
                    partition by user_days.account_id, user_days.user_id
                    order by user_days.date_day
                ),
                {{ never }}
            ),
            case
                when {{ add_days('user_days.date_day', 30) }} > watermarks.complete_through
                    then {{ never }}
                else {{ add_days('user_days.date_day', 30) }}
            end
        ) as used_until
    from user_days
    inner join seat_users
        on
            user_days.account_id = seat_users.account_id
            and user_days.user_id = seat_users.user_id
    cross join watermarks
),

stretches as (
    select
        account_id,
        'assigned' as measure,
        held_from as begins_on,
        held_until as ends_on
    from held_seats
    union all
    select
        account_id,
        'assigned_before' as measure,
        held_before_from as begins_on,
        held_before_until as ends_on
    from held_seats
    union all
    select
        held_seats.account_id,
        'remaining' as measure,
        greatest(held_seats.held_from, held_before.held_before_from) as begins_on,
        least(held_seats.held_until, held_before.held_before_until) as ends_on
    from held_seats
    inner join held_seats as held_before
        on
            held_seats.account_id = held_before.account_id
            and held_seats.user_id = held_before.user_id
            and held_seats.held_from < held_before.held_before_until
            and held_seats.held_until > held_before.held_before_from
    union all
    select
        held_seats.account_id,
        'busy' as measure,
        greatest(held_seats.held_from, used_stretches.used_from) as begins_on,
        least(held_seats.held_until, used_stretches.used_until) as ends_on
    from held_seats
    inner join used_stretches
        on
            held_seats.account_id = used_stretches.account_id
            and held_seats.user_id = used_stretches.user_id
            and held_seats.held_from < used_stretches.used_until
            and held_seats.held_until > used_stretches.used_from
),

changes as (
    select
        account_id,
        measure,
        begins_on as date_day,
        1 as change
    from stretches
    union all
    select
        account_id,
        measure,
        ends_on as date_day,
        -1 as change
    from stretches
),

-- Changes dated before the first computed day are booked on that day.
daily_changes as (
    select
        changes.account_id,
        {% for measure in measures -%}
        sum(case when changes.measure = '{{ measure }}' then changes.change else 0 end)
            as {{ measure }},
        {% endfor -%}
        greatest(changes.date_day, updates.first_day) as date_day
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by changes.account_id, greatest(changes.date_day, updates.first_day)
),

totals as (
    select
        account_days.account_id,
        {% for measure in measures -%}
        cast(
            coalesce(
                sum(daily_changes.{{ measure }}) over (
                    partition by account_days.account_id order by account_days.date_day
                ),
                0
            ) as bigint
        ) as {{ measure }},
        {% endfor -%}
        account_days.date_day
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
),

seat_signals as (
    select
        totals.account_id,
        totals.date_day,
        totals.assigned as assigned_seats,
        totals.assigned - totals.busy as idle_assigned_seats_30d,
        case
            when {{ days_between('first_assignments.assigned_on', 'totals.date_day') }} >= 30
                then
                    least(
                        totals.assigned - totals.remaining,
                        totals.assigned_before - totals.remaining
                    )
        end as replaced_seats_30d
    from totals
    inner join first_assignments
        on
            totals.account_id = first_assignments.account_id
            and totals.date_day >= first_assignments.assigned_on
)

select * from seat_signals
