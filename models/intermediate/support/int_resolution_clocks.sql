-- Resolution SLA: whether and when each ticket missed the resolution target of its priority. One
-- row per ticket event while its priority has a target.
with

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
    where has_creation
),

ticket_times as (
    select * from {{ ref('int_ticket_times') }}
),

business_days as (
    select * from {{ ref('int_business_days') }}
    where open_minutes > 0
),

sla_targets as (
    select * from {{ ref('sla_targets') }}
),

watermarks as (
    select * from {{ ref('base_stream_watermarks') }}
    where source = 'support'
),

default_targets as (
    select max(priority) as priority
    from sla_targets
    where is_default
),

timed_events as (
    select
        ticket_events.document,
        ticket_events.account_id,
        ticket_events.event_number,
        ticket_events.clock_at,
        min(ticket_events.clock_at) over (partition by ticket_events.document) as created_at,
        coalesce(ticket_events.priority, default_targets.priority) as priority,
        ticket_events.is_open,
        ticket_events.is_awaiting_us,
        ticket_times.calendar,
        ticket_times.timezone,
        ticket_times.business_line
    from ticket_events
    cross join default_targets
    left join ticket_times
        on
            ticket_events.document = ticket_times.document
            and ticket_events.event_number = ticket_times.event_number
),

-- One clock per ticket and priority, as the priority of a ticket may change. line is the reading of
-- the clock in microseconds, whether it runs or not.
clock_steps as (
    select
        timed_events.document,
        timed_events.account_id,
        timed_events.event_number,
        timed_events.clock_at,
        timed_events.calendar,
        timed_events.timezone,
        sla_targets.priority,
        sla_targets.priority = timed_events.priority as is_current,
        sla_targets.clock = 'business' as is_business,
        cast(sla_targets.resolution_hours as bigint) * 3600000000 as target,
        timed_events.is_open = 1
        and (
            timed_events.is_awaiting_us = 1 or not sla_targets.resolution_pauses_on_customer
        ) as is_running,
        case
            when sla_targets.clock = 'business' then timed_events.business_line
            else {{ microseconds_between('timed_events.created_at', 'timed_events.clock_at') }}
        end as line
    from timed_events
    cross join sla_targets
    where sla_targets.resolution_hours is not null
),

clock_runs as (
    select
        clock_steps.*,
        case
            when is_running
                then
                    lead(line) over (partition by document, priority order by event_number) - line
            else 0
        end as run
    from clock_steps
),

-- Running sums: the time used before each step.
clock_totals as (
    select
        clock_runs.*,
        coalesce(
            sum(run) over (
                partition by document, priority order by event_number
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as used
    from clock_runs
),

current_steps as (
    select
        clock_totals.*,
        line + target - used as due_line,
        is_running and coalesce(used + run > target, true) as runs_out
    from clock_totals
    where is_current
),

-- Where a raised priority has a target that is used up already, it runs out at once.
due_times as (
    select
        current_steps.document,
        current_steps.event_number,
        case
            when current_steps.used >= current_steps.target then current_steps.clock_at
            when current_steps.is_business
                then {{ business_moment(
                    'current_steps.due_line', 'business_days', 'current_steps.timezone'
                ) }}
            else {{ add_time(
                'current_steps.clock_at', '(current_steps.target - current_steps.used)',
                'microsecond'
            ) }}
        end as due_at
    from current_steps
    left join business_days
        on
            case when current_steps.is_business then current_steps.calendar end
            = business_days.calendar
            and {{ is_business_day_of('current_steps.due_line', 'business_days') }}
    where current_steps.runs_out
),

first_breaches as (
    select
        due_times.document,
        min(due_times.event_number) as event_number
    from due_times
    cross join watermarks
    where due_times.due_at < watermarks.heard_until
    group by due_times.document
),

clocks as (
    select
        current_steps.document,
        current_steps.account_id,
        current_steps.event_number,
        coalesce(first_breaches.event_number < current_steps.event_number, false) as was_breached,
        case
            when first_breaches.event_number = current_steps.event_number then due_times.due_at
        end as breached_at
    from current_steps
    left join first_breaches
        on current_steps.document = first_breaches.document
    left join due_times
        on
            current_steps.document = due_times.document
            and current_steps.event_number = due_times.event_number
)

select * from clocks
