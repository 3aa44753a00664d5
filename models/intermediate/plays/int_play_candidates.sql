-- Candidates for tasks: a play asked for by an episode of a rule, band or churn on the days on
-- which the account has the age for it, with its priority. One row per account, play, episode and
-- first day; half-open, from wanted_on to the day before ends_on.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

episodes as (
    select * from {{ ref('int_trigger_episodes') }}
),

moots as (
    select * from {{ ref('int_play_moots') }}
),

play_triggers as (
    select * from {{ ref('play_triggers') }}
),

playbooks as (
    select * from {{ ref('playbooks') }}
),

priority_terms as (
    select * from {{ ref('priority_terms') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'scored'
),

-- The days of the episode on which the account has the age for the play, and not before
-- `tasks_from`, the first day on which tasks are handed out.
requests as (
    select
        episodes.account_id,
        accounts.segment,
        play_triggers.play_id,
        episodes.trigger_type,
        episodes.trigger_name,
        episodes.trigger_id,
        episodes.cleared_by,
        play_triggers.is_high_risk,
        play_triggers.moot_by,
        greatest(
            episodes.first_seen_on,
            {{ add_days('accounts.started_on', 'play_triggers.from_day') }},
            build_moment.tasks_from
        ) as wanted_on,
        coalesce(episodes.cleared_on, cast('9999-12-31' as date)) as cleared_on,
        coalesce(
            {{ add_days('accounts.started_on', 'play_triggers.to_day + 1') }},
            cast('9999-12-31' as date)
        ) as outgrown_on
    from episodes
    cross join build_moment
    inner join accounts
        on episodes.account_id = accounts.account_id
    inner join play_triggers
        on
            episodes.trigger_type = play_triggers.trigger_type
            and episodes.trigger_name = play_triggers.trigger_name
            and play_triggers.segment in (accounts.segment, 'any')
),

-- A value once realised makes a play moot for good; a renewal or a recovery only the plays wanted
-- before it.
first_moots as (
    select
        requests.account_id,
        requests.play_id,
        requests.trigger_id,
        requests.wanted_on,
        min(moots.happened_on) as happened_on
    from requests
    inner join moots
        on
            requests.account_id = moots.account_id
            and requests.moot_by = moots.moot_by
            and (moots.moot_by = 'value_realised' or requests.wanted_on < moots.happened_on)
    group by requests.account_id, requests.play_id, requests.trigger_id, requests.wanted_on
),

starts as (
    select
        requests.*,
        coalesce(first_moots.happened_on, cast('9999-12-31' as date)) as moot_on,
        playbooks.tier,
        playbooks.cadence_limit,
        playbooks.impact,
        playbooks.effort,
        {{ add_days('requests.wanted_on', 'playbooks.lapses_after_days') }} as lapses_on,
        {{ last_score_weekday('requests.wanted_on') }} as last_score_date
    from requests
    cross join build_moment
    inner join playbooks
        on requests.play_id = playbooks.play_id
    left join first_moots
        on
            requests.account_id = first_moots.account_id
            and requests.play_id = first_moots.play_id
            and requests.trigger_id = first_moots.trigger_id
            and requests.wanted_on = first_moots.wanted_on
    where
        requests.wanted_on < least(requests.cleared_on, requests.outgrown_on)
        and coalesce(first_moots.happened_on > requests.wanted_on, true)
        and requests.wanted_on <= build_moment.as_of
),

start_terms as (
    select
        {{ id_of(
            "starts.account_id || '|' || starts.play_id || '|' || starts.trigger_id || '|' "
            ~ "|| cast(starts.wanted_on as " ~ dbt.type_string() ~ ")"
        ) }} as task_id,
        starts.*,
        least(starts.cleared_on, starts.outgrown_on, starts.moot_on, starts.lapses_on) as ends_on,
        measured_signals.arr,
        100 - scores.score as risk
    from starts
    left join measured_signals
        on
            starts.account_id = measured_signals.account_id
            and starts.wanted_on = measured_signals.date_day
    left join scores
        on
            starts.account_id = scores.account_id
            and starts.last_score_date = scores.score_date
),

term_values as (
    select task_id, 'impact' as term, cast(impact as decimal(18, 2)) as term_value from start_terms
    union all
    select task_id, 'effort' as term, cast(effort as decimal(18, 2)) as term_value from start_terms
    union all
    select task_id, 'arr' as term, cast(arr as decimal(18, 2)) as term_value from start_terms
    union all
    select task_id, 'risk' as term, cast(risk as decimal(18, 2)) as term_value from start_terms
),

-- The place of a term between worth nothing (0) and worth all (1); the priority is their weighted
-- sum.
term_places as (
    select
        term_values.task_id,
        priority_terms.weight,
        {{ as_double(
            'coalesce(term_values.term_value, priority_terms.value_when_null)'
            ~ ' - priority_terms.worth_nothing_at'
        ) }} / (priority_terms.worth_all_at - priority_terms.worth_nothing_at) as place
    from term_values
    inner join priority_terms
        on term_values.term = priority_terms.term
),

priorities as (
    select
        task_id,
        sum({{ round_half_up('100 * weight * greatest(least(place, 1), 0)', 6) }}) as points
    from term_places
    group by task_id
),

candidates as (
    select
        start_terms.task_id,
        start_terms.account_id,
        start_terms.segment,
        start_terms.play_id,
        start_terms.tier,
        start_terms.cadence_limit,
        start_terms.trigger_type,
        start_terms.trigger_name,
        start_terms.trigger_id,
        start_terms.is_high_risk,
        start_terms.wanted_on,
        start_terms.ends_on,
        case
            when start_terms.ends_on = start_terms.moot_on and start_terms.moot_by is not null
                then start_terms.moot_by
            when start_terms.ends_on < least(start_terms.cleared_on, start_terms.outgrown_on)
                then 'lapsed'
            when start_terms.ends_on < start_terms.cleared_on then 'outgrown'
            when start_terms.cleared_by = 'churned' then 'account_churned'
            when start_terms.cleared_by = 'completed' then 'account_completed'
            when start_terms.cleared_by = 'returned' then 'reactivated'
            when start_terms.cleared_by = 'over' then 'lapsed'
            when start_terms.cleared_by = 'out_of_window' then 'outgrown'
            else 'withdrawn'
        end as ended_by,
        start_terms.arr,
        start_terms.risk,
        {{ round_half_up('priorities.points', 2) }} as priority
    from start_terms
    inner join priorities
        on start_terms.task_id = priorities.task_id
)

select * from candidates
