-- Running totals by day say on which day a criterion is reached; only the events of such days are
-- put in order.
with

updates as (
    select * from {{ ref('int_account_updates') }}
),

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

criteria as (
    select
        *,
        case when measure = 'event_count' then 'events' else 'users' end as counted,
        cast(
            greatest(
                case when operator = '>=' then ceil(threshold) else floor(threshold) + 1 end, 1
            ) as bigint
        ) as needed_count
    from {{ ref('milestone_criteria') }}
    where measure <> 'signal'
),

subjects as (
    select * from {{ ref('int_milestone_subjects') }}
),

subject_users as (
    select * from {{ ref('int_subject_users') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

conditions as (
    select
        plan.account_id,
        plan.milestone_id,
        criteria.phase,
        criteria.measure,
        criteria.subject,
        criteria.operator,
        criteria.threshold,
        criteria.counted,
        criteria.needed_count,
        updates.{{ first_day() }} as first_day
    from plan
    inner join criteria
        on plan.milestone_id = criteria.milestone_id
    inner join updates
        on plan.account_id = updates.account_id
    {% if is_incremental() -%}
    left join {{ this }} as kept
        on
            plan.account_id = kept.account_id
            and plan.milestone_id = kept.milestone_id
            and criteria.phase = kept.phase
            and criteria.measure = kept.measure
            and criteria.subject = kept.subject
            and criteria.operator = kept.operator
            and criteria.threshold = kept.threshold
    where kept.account_id is null
    {%- endif %}
),

counts as (
    select
        account_id,
        subject,
        'events' as counted,
        date_day,
        event_count as quantity
    from {{ ref('int_subject_days') }}
    union all
    select
        account_id,
        subject,
        'users' as counted,
        date_day,
        1 as quantity
    from subject_users
),

-- What came before the first day in sight counts on the day before it.
daily_counts as (
    select
        counts.account_id,
        counts.subject,
        counts.counted,
        greatest(counts.date_day, {{ add_days('updates.' ~ first_day(), -1) }}) as date_day,
        cast(sum(counts.quantity) as bigint) as quantity
    from counts
    inner join updates
        on counts.account_id = updates.account_id
    group by
        counts.account_id,
        counts.subject,
        counts.counted,
        greatest(counts.date_day, {{ add_days('updates.' ~ first_day(), -1) }})
),

running as (
    select
        daily_counts.*,
        cast(
            sum(quantity) over (partition by account_id, subject, counted order by date_day)
            as bigint
        ) as total
    from daily_counts
),

-- A number of events or users is reached without a look at the seats.
candidate_days as (
    select
        conditions.*,
        running.date_day,
        running.total,
        running.total - running.quantity as total_before
    from conditions
    inner join running
        on
            conditions.account_id = running.account_id
            and conditions.subject = running.subject
            and conditions.counted = running.counted
            and conditions.first_day <= running.date_day
    where
        conditions.measure = 'event_user_share'
        or (
            conditions.needed_count <= running.total
            and conditions.needed_count > running.total - running.quantity
        )
),

reached_days as (
    select
        candidate_days.*,
        measured_signals.seats,
        row_number() over (
            partition by
                candidate_days.account_id,
                candidate_days.milestone_id,
                candidate_days.phase,
                candidate_days.measure,
                candidate_days.subject,
                candidate_days.operator,
                candidate_days.threshold
            order by candidate_days.date_day
        ) as choice
    from candidate_days
    left join measured_signals
        on
            candidate_days.account_id = measured_signals.account_id
            and candidate_days.date_day = measured_signals.date_day
    where
        case
            when candidate_days.measure <> 'event_user_share' then true
            when candidate_days.operator = '>='
                then
                    candidate_days.threshold
                    <= {{ as_double('candidate_days.total') }} / nullif(measured_signals.seats, 0)
            else
                candidate_days.threshold
                < {{ as_double('candidate_days.total') }} / nullif(measured_signals.seats, 0)
        end
),

sought as (
    select * from reached_days
    where choice = 1
),

sought_days as (
    select distinct
        account_id,
        subject,
        date_day
    from sought
),

day_events as (
    select
        sought_days.account_id,
        sought_days.subject,
        sought_days.date_day,
        events.user_id,
        events.event_id,
        events.occurred_at
    from {{ ref('base_counted_events') }} as events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join sought_days
        on
            events.account_id = sought_days.account_id
            and cast(events.occurred_at as date) = sought_days.date_day
            and subjects.subject = sought_days.subject
),

first_of_users as (
    select
        day_events.*,
        row_number() over (
            partition by day_events.account_id, day_events.subject, day_events.user_id
            order by day_events.occurred_at, day_events.event_id
        ) as event_number
    from day_events
    inner join subject_users
        on
            day_events.account_id = subject_users.account_id
            and day_events.subject = subject_users.subject
            and day_events.user_id = subject_users.user_id
            and day_events.date_day = subject_users.date_day
),

steps as (
    select
        account_id,
        subject,
        'events' as counted,
        date_day,
        event_id,
        occurred_at,
        row_number() over (
            partition by account_id, subject, date_day order by occurred_at, event_id
        ) as step
    from day_events
    union all
    select
        account_id,
        subject,
        'users' as counted,
        date_day,
        event_id,
        occurred_at,
        row_number() over (
            partition by account_id, subject, date_day order by occurred_at, event_id
        ) as step
    from first_of_users
    where event_number = 1
),

reached as (
    select
        sought.*,
        steps.event_id,
        steps.occurred_at,
        row_number() over (
            partition by
                sought.account_id,
                sought.milestone_id,
                sought.phase,
                sought.measure,
                sought.subject,
                sought.operator,
                sought.threshold
            order by steps.step
        ) as step_choice
    from sought
    inner join steps
        on
            sought.account_id = steps.account_id
            and sought.subject = steps.subject
            and sought.counted = steps.counted
            and sought.date_day = steps.date_day
    where
        case
            when sought.measure <> 'event_user_share'
                then sought.needed_count <= sought.total_before + steps.step
            when sought.operator = '>='
                then
                    sought.threshold
                    <= {{ as_double('sought.total_before + steps.step') }} / nullif(sought.seats, 0)
            else
                sought.threshold
                < {{ as_double('sought.total_before + steps.step') }} / nullif(sought.seats, 0)
        end
),

event_times as (
    select
        account_id,
        milestone_id,
        phase,
        measure,
        subject,
        operator,
        threshold,
        event_id,
        occurred_at as reached_at,
        date_day
    from reached
    where step_choice = 1
)

select * from event_times
