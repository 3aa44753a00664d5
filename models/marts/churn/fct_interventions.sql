with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

tasks as (
    select * from {{ ref('int_play_tasks') }}
    where turn = 'opened'
),

due_times as (
    select * from {{ ref('int_play_due_times') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

playbooks as (
    select * from {{ ref('playbooks') }}
),

task_outcomes as (
    select * from {{ ref('task_outcomes') }}
),

risk_signals as (
    select * from {{ ref('fct_risk_signals') }}
),

band_episodes as (
    select * from {{ ref('int_band_episodes') }}
),

now as (
    select
        as_of,
        least(known_at, as_of_ends_at) as now_at
    from build_moment
),

followed as (
    select
        tasks.*,
        case when tasks.trigger_type = 'rule' then tasks.trigger_id end as risk_signal_id,
        case when tasks.trigger_type = 'band' then tasks.trigger_id end as band_episode_id,
        playbooks.play_name,
        playbooks.audience,
        playbooks.channel,
        playbooks.owner_role,
        playbooks.script_name,
        playbooks.impact,
        playbooks.effort,
        playbooks.expected_effect,
        accounts.owner_id,
        due_times.opened_at,
        due_times.due_at,
        now.now_at,
        case
            when tasks.completed_at is not null then 'completed'
            when tasks.over_on <= now.as_of then tasks.over_by
            when due_times.due_at < now.now_at then 'overdue'
            else 'open'
        end as status,
        case
            when tasks.completed_at is not null
                then
                    least(
                        tasks.over_on,
                        greatest(cast(tasks.completed_at as date), tasks.opens_on)
                    )
            when tasks.over_on <= now.as_of then tasks.over_on
        end as closed_on
    from tasks
    cross join now
    inner join due_times
        on tasks.task_id = due_times.task_id
    inner join accounts
        on tasks.account_id = accounts.account_id
    inner join playbooks
        on tasks.play_id = playbooks.play_id
),

ranked as (
    select
        task_id,
        row_number() over (
            partition by owner_id order by priority desc, due_at asc, task_id asc
        ) as priority_rank
    from followed
    where status in ('open', 'overdue')
),

interventions as (
    select
        followed.task_id,
        followed.account_id,
        followed.segment,
        followed.play_id,
        followed.play_name,
        followed.tier,
        followed.audience,
        followed.channel,
        followed.script_name,
        followed.owner_role,
        followed.owner_id,
        followed.trigger_type,
        followed.trigger_name,
        risk_signals.risk_signal_id,
        cast(followed.trigger_count as bigint) as trigger_count,
        followed.is_high_risk,
        coalesce(
            risk_signals.reason,
            'Band ' || band_episodes.steady_band || ' with a score of '
            || cast(band_episodes.score as {{ dbt.type_string() }})
        ) as reason,
        coalesce(
            risk_signals.evidence,
            '{"band": "' || band_episodes.steady_band || '", "score": '
            || cast(band_episodes.score as {{ dbt.type_string() }}) || '}'
        ) as evidence,
        followed.wanted_on,
        followed.opens_on as opened_on,
        followed.opened_at,
        followed.due_at,
        followed.status,
        followed.closed_on,
        followed.completed_at,
        followed.outcome,
        case
            when followed.status = 'completed'
                then coalesce(task_outcomes.is_intervention, true)
        end as is_treated,
        case
            when followed.completed_at <= followed.opened_at then cast(0 as decimal(18, 2))
            else
                {{ round_half_up(
                    microseconds_between('followed.opened_at', 'followed.completed_at')
                    ~ ' / 3600000000.0', 2
                ) }}
        end as hours_to_action,
        case
            when followed.completed_at is not null then followed.completed_at > followed.due_at
            when followed.due_at < followed.now_at
                then
                    coalesce(
                        cast(followed.closed_on as timestamp) > followed.due_at, true
                    )
            when followed.closed_on is not null then false
        end as is_late,
        followed.impact,
        followed.effort,
        cast(followed.arr as decimal(18, 2)) as arr,
        cast(followed.risk as decimal(9, 2)) as risk,
        cast(followed.priority as decimal(9, 2)) as priority,
        cast(ranked.priority_rank as bigint) as priority_rank,
        followed.expected_effect
    from followed
    left join ranked
        on followed.task_id = ranked.task_id
    left join task_outcomes
        on followed.outcome = task_outcomes.outcome
    left join risk_signals
        on followed.risk_signal_id = risk_signals.risk_signal_id
    left join band_episodes
        on followed.band_episode_id = band_episodes.band_episode_id
)

select * from interventions
