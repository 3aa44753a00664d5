with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

candidates as (
    select * from {{ ref('int_play_candidates') }}
),

completed_tasks as (
    select * from {{ ref('stg_crm__tasks') }}
),

-- Who names account and play has done what was wanted last of it and still is that day.
completed_plays as (
    select
        completed_tasks.event_id,
        candidates.task_id,
        completed_tasks.outcome,
        completed_tasks.occurred_at,
        completed_tasks.loaded_at,
        row_number() over (
            partition by completed_tasks.event_id
            order by candidates.wanted_on desc, candidates.task_id asc
        ) as choice
    from completed_tasks
    inner join candidates
        on
            completed_tasks.account_id = candidates.account_id
            and completed_tasks.play_id = candidates.play_id
            and candidates.wanted_on <= {{ day_of('completed_tasks.occurred_at') }}
            and candidates.ends_on > {{ day_of('completed_tasks.occurred_at') }}
),

named_completions as (
    select
        event_id,
        task_id,
        outcome,
        occurred_at,
        loaded_at
    from completed_tasks
    where task_id is not null
    union all
    select
        event_id,
        task_id,
        outcome,
        occurred_at,
        loaded_at
    from completed_plays
    where choice = 1
),

-- A task is completed once: what comes later under its id changes nothing.
first_completions as (
    select
        task_id,
        outcome,
        occurred_at as completed_at,
        row_number() over (
            partition by task_id order by occurred_at, loaded_at, event_id
        ) as choice
    from named_completions
),

completions as (
    select
        candidates.task_id,
        candidates.account_id,
        candidates.play_id,
        first_completions.outcome,
        first_completions.completed_at,
        greatest(
            {{ day_of('first_completions.completed_at') }},
            {{ add_days('candidates.wanted_on', 1) }}
        ) as completed_on
    from candidates
    inner join first_completions
        on
            candidates.task_id = first_completions.task_id
            and first_completions.choice = 1
),

-- A play that is done answers every trigger of it that was there.
marks as (
    select
        account_id,
        play_id,
        task_id,
        wanted_on as marked_on,
        0 as mark,
        cast(null as date) as completed_on
    from candidates
    union all
    select
        account_id,
        play_id,
        cast(null as {{ dbt.type_string() }}) as task_id,
        completed_on as marked_on,
        1 as mark,
        completed_on
    from completions
),

answered as (
    select
        task_id,
        mark,
        min(completed_on) over (
            partition by account_id, play_id order by marked_on desc, mark asc
            rows between unbounded preceding and 1 preceding
        ) as next_completed_on
    from marks
),

bounded as (
    select
        candidates.*,
        least(
            candidates.ends_on, coalesce(answered.next_completed_on, candidates.ends_on)
        ) as over_on,
        case
            when answered.next_completed_on <= candidates.ends_on then 'done_before'
            else candidates.ended_by
        end as over_by,
        completions.completed_at,
        completions.outcome
    from candidates
    inner join answered
        on candidates.task_id = answered.task_id and answered.mark = 0
    left join completions
        on candidates.task_id = completions.task_id
),

{%- set first_to_last %}partition by account_id, play_id
            order by wanted_on, case when is_high_risk then 0 else 1 end, task_id
{%- endset %}

-- Triggers of a play that overlap are one task, so that an account has one of a play at a time.
busy as (
    select
        bounded.*,
        max(over_on) over (
            {{ first_to_last }}
            rows between unbounded preceding and 1 preceding
        ) as busy_until
    from bounded
),

numbered as (
    select
        busy.*,
        sum(case when wanted_on < busy_until then 0 else 1 end) over (
            {{ first_to_last }}
            rows between unbounded preceding and current row
        ) as spell_number
    from busy
),

placed as (
    select
        numbered.*,
        row_number() over (
            partition by account_id, play_id, spell_number
            order by wanted_on, case when is_high_risk then 0 else 1 end, task_id
        ) as trigger_number,
        max(over_on) over (partition by account_id, play_id, spell_number) as spell_over_on,
        min(completed_at) over (
            partition by account_id, play_id, spell_number
        ) as spell_completed_at
    from numbered
),

spells as (
    select
        account_id,
        play_id,
        spell_number,
        spell_over_on,
        spell_completed_at,
        count(*) as trigger_count,
        min(case when over_on = spell_over_on then over_by end) as over_by,
        max(case when completed_at = spell_completed_at then outcome end) as outcome
    from placed
    group by account_id, play_id, spell_number, spell_over_on, spell_completed_at
),

queued as (
    select
        placed.task_id,
        placed.account_id,
        placed.segment,
        placed.play_id,
        placed.tier,
        placed.cadence_limit,
        placed.trigger_type,
        placed.trigger_name,
        placed.trigger_id,
        placed.is_high_risk,
        placed.arr,
        placed.risk,
        placed.priority,
        placed.wanted_on,
        spells.trigger_count,
        spells.over_by,
        spells.outcome,
        placed.spell_over_on as over_on,
        placed.spell_completed_at as completed_at,
        row_number() over (
            partition by placed.account_id, placed.tier
            order by placed.wanted_on asc, placed.priority desc, placed.task_id asc
        ) - 1 as place
    from placed
    inner join spells
        on
            placed.account_id = spells.account_id
            and placed.play_id = spells.play_id
            and placed.spell_number = spells.spell_number
    where placed.trigger_number = 1
),

turns as (
    select
        queued.*,
        mod(place, cadence_limit) as lane,
        7 * cast(floor(place / (1.0 * cadence_limit)) as bigint) as lane_days
    from queued
),

-- There are as many lanes as tasks in 7 days, and tasks go to them in turn. In its lane a task
-- opens 7 days after the one before it or when it is wanted, whatever is later; also one that is
-- over by then keeps its turn.
served as (
    select
        turns.*,
        case
            when cadence_limit is null then wanted_on
            else
                max({{ add_days('wanted_on', '-lane_days') }}) over (
                    partition by account_id, tier, lane order by place
                    rows between unbounded preceding and current row
                )
        end as lane_on
    from turns
),

scheduled as (
    select
        served.*,
        case
            when cadence_limit is null then lane_on
            else {{ add_days('lane_on', 'lane_days') }}
        end as opens_on
    from served
),

-- Who does a task on the day on which it opens was handed it: that task opened.
tasks as (
    select
        scheduled.task_id,
        scheduled.account_id,
        scheduled.segment,
        scheduled.play_id,
        scheduled.tier,
        scheduled.trigger_type,
        scheduled.trigger_name,
        scheduled.trigger_id,
        scheduled.trigger_count,
        scheduled.is_high_risk,
        scheduled.arr,
        scheduled.risk,
        scheduled.priority,
        scheduled.wanted_on,
        scheduled.opens_on,
        scheduled.over_on,
        scheduled.over_by,
        case
            when
                scheduled.opens_on > scheduled.over_on
                or (
                    scheduled.opens_on = scheduled.over_on
                    and coalesce({{ day_of('scheduled.completed_at') }} <> scheduled.opens_on, true)
                )
                then 'never_opened'
            when scheduled.opens_on > build_moment.as_of then 'waiting'
            else 'opened'
        end as turn,
        scheduled.completed_at,
        scheduled.outcome
    from scheduled
    cross join build_moment
)

select * from tasks
