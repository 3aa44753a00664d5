-- Gaps and islands: stretches in which a ticket was open, or solved. One row per ticket and
-- stretch, for days in [starts_on, ends_on).
with

ticket_events as (
    select * from {{ ref('int_ticket_events') }}
),

{% set of_ticket = 'over (partition by document order by event_number)' %}

steps as (
    select
        document,
        account_id,
        has_creation,
        event_number,
        clock_at,
        is_open,
        is_agent_created,
        case when is_answer then 1 else 0 end as answers,
        lag(is_open, 1, 0) {{ of_ticket }} as was_open,
        lag(is_awaiting_us, 1, 0) {{ of_ticket }} as was_awaiting_us,
        lag(clock_at) {{ of_ticket }} as clock_before,
        min(clock_at) {{ of_ticket }} as began_at
    from ticket_events
),

-- Running sums of public answers and of the time in which the ticket waited for us.
totals as (
    select
        document,
        account_id,
        has_creation,
        event_number,
        clock_at,
        is_open,
        was_open,
        began_at,
        max(case when is_agent_created then 1 else 0 end) over (partition by document) = 1
            as is_agent_created,
        sum(answers) {{ of_ticket }} as answers,
        sum(
            case
                when was_awaiting_us = 1
                    then {{ microseconds_between('clock_before', 'clock_at') }}
                else 0
            end
        ) {{ of_ticket }} as waited
    from steps
),

-- A stretch starts where is_open changes, and ends where the next one starts.
stretches as (
    select
        document,
        account_id,
        has_creation,
        is_agent_created,
        row_number() {{ of_ticket }} as stretch_number,
        event_number as first_event_number,
        is_open = 1 as is_open,
        {{ day_of('began_at') }} as began_on,
        {{ day_of('clock_at') }} as starts_on,
        {{ day_of('lead(clock_at) ' ~ of_ticket) }} as ends_on,
        answers,
        {{ ratio(microseconds_between('began_at', 'clock_at'), '3.6e9') }} as hours_since_began,
        {{ ratio('waited', '3.6e9') }} as hours_waited
    from totals
    where is_open <> was_open
)

select * from stretches
