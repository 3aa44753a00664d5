-- Tasks of the plays: overlapping candidates of an account and play are one task (gaps and
-- islands), and the tasks of an account and tier queue for their turn, `cadence_limit` in 7 days.
-- One row per task, opened or not.
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

-- A completion that names only account and play is that of their latest candidate open on its day.
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
        ) as preference_rank
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
    where preference_rank = 1
),

-- A task is completed once: later completions under its id are ignored.
first_completions as (
    select
        task_id,
        outcome,
        occurred_at as completed_at,
        row_number() over (
            partition by task_id order by occurred_at, loaded_at, event_id
        ) as completion_rank
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
            and first_completions.completion_rank = 1
),

starts_and_completions as (
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

-- A completed play closes all its candidates that had begun: from the last day backwards, the
-- running minimum is each candidate's next completion.
next_completions as (
    select
        task_id,
        mark,
        min(completed_on) over (
            partition by account_id, play_id order by marked_on desc, mark asc
            rows between unbounded preceding and 1 preceding
        ) as next_completed_on
    from starts_and_completions
),

-- A candidate lasts from wanted_on to the day before over_on: half-open.
candidates_with_end as (
    select
        candidates.*,
        least(
            candidates.ends_on, coalesce(next_completions.next_completed_on, candidates.ends_on)
        ) as over_on,
        case
            when next_completions.next_completed_on <= candidates.ends_on then 'done_before'
            else candidates.ended_by
        end as over_by,
        completions.completed_at,
        completions.outcome
    from candidates
    inner join next_completions
        on candidates.task_id = next_completions.task_id and next_completions.mark = 0
    left join completions
        on candidates.task_id = completions.task_id
),

{%- set first_to_last %}partition by account_id, play_id
            order by wanted_on, case when is_high_risk then 0 else 1 end, task_id
{%- endset %}

-- Gaps and islands: candidates of a play that overlap form a spell, which is one task, so that an
-- account never has two tasks of a play at a time.
candidates_with_previous_end as (
    select
        candidates_with_end.*,
        max(over_on) over (
            {{ first_to_last }}
            rows between unbounded preceding and 1 preceding
        ) as busy_until
    from candidates_with_end
),

numbered_candidates as (
    select
        candidates_with_previous_end.*,
        sum(case when wanted_on < busy_until then 0 else 1 end) over (
            {{ first_to_last }}
            rows between unbounded preceding and current row
        ) as spell_number
    from candidates_with_previous_end
),

spell_parts as (
    select
        numbered_candidates.*,
        row_number() over (
            partition by account_id, play_id, spell_number
            order by wanted_on, case when is_high_risk then 0 else 1 end, task_id
        ) as trigger_number,
        max(over_on) over (partition by account_id, play_id, spell_number) as spell_over_on,
        min(completed_at) over (
            partition by account_id, play_id, spell_number
        ) as spell_completed_at
    from numbered_candidates
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
    from spell_parts
    group by account_id, play_id, spell_number, spell_over_on, spell_completed_at
),

queued_tasks as (
    select
        spell_parts.task_id,
        spell_parts.account_id,
        spell_parts.segment,
        spell_parts.play_id,
        spell_parts.tier,
        spell_parts.cadence_limit,
        spell_parts.trigger_type,
        spell_parts.trigger_name,
        spell_parts.trigger_id,
        spell_parts.is_high_risk,
        spell_parts.arr,
        spell_parts.risk,
        spell_parts.priority,
        spell_parts.wanted_on,
        spells.trigger_count,
        spells.over_by,
        spells.outcome,
        spell_parts.spell_over_on as over_on,
        spell_parts.spell_completed_at as completed_at,
        row_number() over (
            partition by spell_parts.account_id, spell_parts.tier
            order by spell_parts.wanted_on asc, spell_parts.priority desc, spell_parts.task_id asc
        ) - 1 as place
    from spell_parts
    inner join spells
        on
            spell_parts.account_id = spells.account_id
            and spell_parts.play_id = spells.play_id
            and spell_parts.spell_number = spells.spell_number
    where spell_parts.trigger_number = 1
),

task_lanes as (
    select
        queued_tasks.*,
        mod(place, cadence_limit) as lane,
        7 * cast(floor(place / (1.0 * cadence_limit)) as bigint) as lane_days
    from queued_tasks
),

-- A queue of `cadence_limit` lanes that get the tasks by turns. In its lane a task opens when it is
-- wanted or 7 days after the task before it, whichever is later: a running maximum, as the 7 days
-- per place are subtracted here and added again below. A task that is over by its turn still takes
-- it.
lane_schedule as (
    select
        task_lanes.*,
        case
            when cadence_limit is null then wanted_on
            else
                max({{ add_days('wanted_on', '-lane_days') }}) over (
                    partition by account_id, tier, lane order by place
                    rows between unbounded preceding and current row
                )
        end as lane_on
    from task_lanes
),

schedule as (
    select
        lane_schedule.*,
        case
            when cadence_limit is null then lane_on
            else {{ add_days('lane_on', 'lane_days') }}
        end as opens_on
    from lane_schedule
),

-- A task that is over by its turn never opened, unless it was completed on the day of its turn.
tasks as (
    select
        schedule.task_id,
        schedule.account_id,
        schedule.segment,
        schedule.play_id,
        schedule.tier,
        schedule.trigger_type,
        schedule.trigger_name,
        schedule.trigger_id,
        schedule.trigger_count,
        schedule.is_high_risk,
        schedule.arr,
        schedule.risk,
        schedule.priority,
        schedule.wanted_on,
        schedule.opens_on,
        schedule.over_on,
        schedule.over_by,
        case
            when
                schedule.opens_on > schedule.over_on
                or (
                    schedule.opens_on = schedule.over_on
                    and coalesce({{ day_of('schedule.completed_at') }} <> schedule.opens_on, true)
                )
                then 'never_opened'
            when schedule.opens_on > build_moment.as_of then 'waiting'
            else 'opened'
        end as turn,
        schedule.completed_at,
        schedule.outcome
    from schedule
    cross join build_moment
)

select * from tasks
