-- The tasks of customer success managers: why, by when, status, result and place in the owner's
-- queue, as of the build. One row per opened task.
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
    select * from {{ ref('fct_risk_episodes') }}
),

band_episodes as (
    select * from {{ ref('int_band_episodes') }}
),

churn_episodes as (
    select * from {{ ref('int_churn_episodes') }}
),

task_settings as (
    select * from {{ ref('task_settings') }}
),

expected_losses as (
    select * from {{ ref('int_expected_losses') }}
),

last_dates as (
    select
        account_id,
        max(score_date) as score_date
    from {{ ref('int_health_scores') }}
    where track = 'live'
    group by account_id
),

stakes as (
    select
        last_dates.account_id,
        expected_losses.arr_at_stake,
        coalesce(expected_losses.stake_basis, 'the account has left') as stake_basis
    from last_dates
    left join expected_losses
        on
            last_dates.account_id = expected_losses.account_id
            and last_dates.score_date = expected_losses.score_date
),

present as (
    select
        as_of,
        least(known_at, as_of_ends_at) as now_at
    from build_moment
),

task_states as (
    select
        tasks.*,
        case when tasks.trigger_type = 'rule' then tasks.trigger_id end as risk_signal_id,
        case when tasks.trigger_type = 'band' then tasks.trigger_id end as band_episode_id,
        case when tasks.trigger_type = 'churn' then tasks.trigger_id end as churn_episode_id,
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
        present.now_at,
        case
            when tasks.completed_at is not null then 'completed'
            when tasks.over_on <= present.as_of then tasks.over_by
            when due_times.due_at < present.now_at then 'overdue'
            else 'open'
        end as status,
        case
            when tasks.completed_at is not null
                then
                    least(
                        tasks.over_on,
                        greatest({{ day_of('tasks.completed_at') }}, tasks.opens_on)
                    )
            when tasks.over_on <= present.as_of then tasks.over_on
        end as closed_on
    from tasks
    cross join present
    inner join due_times
        on tasks.task_id = due_times.task_id
    inner join accounts
        on tasks.account_id = accounts.account_id
    inner join playbooks
        on tasks.play_id = playbooks.play_id
),

ranked_tasks as (
    select
        task_states.task_id,
        stakes.arr_at_stake,
        case
            when stakes.arr_at_stake is null
                then 'points: ' || coalesce(stakes.stake_basis, 'the account was never judged')
            else stakes.stake_basis
        end as rank_basis,
        row_number() over (
            partition by task_states.owner_id
            order by
                coalesce(stakes.arr_at_stake, 0) desc, task_states.priority desc,
                task_states.due_at asc, task_states.task_id asc
        ) as priority_rank
    from task_states
    left join stakes
        on task_states.account_id = stakes.account_id
    where task_states.status in ('open', 'overdue')
),

-- Tasks of a rank beyond what one owner is asked to do at once are queued.
queue as (
    select
        task_states.*,
        ranked_tasks.priority_rank,
        ranked_tasks.arr_at_stake,
        ranked_tasks.rank_basis,
        case
            when ranked_tasks.priority_rank > task_settings.open_tasks_per_owner then 'queued'
            else task_states.status
        end as asked_status
    from task_states
    cross join task_settings
    left join ranked_tasks
        on task_states.task_id = ranked_tasks.task_id
),

interventions as (
    select
        queue.task_id,
        queue.account_id,
        queue.segment,
        queue.play_id,
        queue.play_name,
        queue.tier,
        queue.audience,
        queue.channel,
        queue.script_name,
        queue.owner_role,
        queue.owner_id,
        queue.trigger_type,
        queue.trigger_name,
        risk_signals.risk_signal_id,
        cast(queue.trigger_count as bigint) as trigger_count,
        queue.is_high_risk,
        coalesce(
            risk_signals.reason,
            'Left on ' || cast(churn_episodes.first_seen_on as {{ dbt.type_string() }}),
            'Band ' || band_episodes.band || ' on '
            || cast(band_episodes.first_seen_on as {{ dbt.type_string() }}) || ' with a score of '
            || {{ number_text('cast(band_episodes.score as decimal(9, 2))') }}
        ) as reason,
        coalesce(
            risk_signals.evidence,
            '{"churned_on": "' || cast(churn_episodes.first_seen_on as {{ dbt.type_string() }})
            || '"}',
            '{"band": "' || band_episodes.band || '", "score": '
            || cast(band_episodes.score as {{ dbt.type_string() }}) || '}'
        ) as evidence,
        queue.wanted_on,
        queue.opens_on as opened_on,
        queue.opened_at,
        queue.due_at,
        queue.asked_status as status,
        queue.closed_on,
        case queue.asked_status
            when 'completed' then 'Somebody did it'
            when 'withdrawn' then 'Its reason no longer holds'
            when 'value_realised' then 'The account realised value'
            when 'renewed' then 'The account renewed'
            when 'recovered' then 'The account is in the top band again'
            when 'reactivated' then 'The account came back'
            when 'lapsed' then 'Nobody did it in time'
            when 'outgrown' then 'The account is older than the play is for'
            when 'account_churned' then 'The account churned'
            when 'account_completed' then 'The account completed what it bought'
            when 'done_before' then 'The same play was done under another task'
        end as close_reason,
        queue.completed_at,
        queue.outcome,
        case
            when queue.status = 'completed'
                then coalesce(task_outcomes.is_intervention, true)
        end as is_treated,
        case
            when queue.completed_at <= queue.opened_at then cast(0 as decimal(18, 2))
            else
                {{ round_half_up(
                    microseconds_between('queue.opened_at', 'queue.completed_at')
                    ~ ' / 3600000000.0', 2
                ) }}
        end as hours_to_action,
        case
            when queue.completed_at is not null then queue.completed_at > queue.due_at
            when queue.asked_status = 'queued' then null
            when queue.due_at < queue.now_at
                then
                    coalesce(
                        {{ day_starts_at('queue.closed_on') }} > queue.due_at, true
                    )
            when queue.closed_on is not null then false
        end as is_late,
        queue.impact,
        queue.effort,
        cast(queue.arr as decimal(18, 2)) as arr,
        cast(queue.risk as decimal(9, 2)) as risk,
        cast(queue.priority as decimal(9, 2)) as priority,
        cast(queue.priority_rank as bigint) as priority_rank,
        cast(queue.arr_at_stake as decimal(18, 2)) as arr_at_stake,
        queue.rank_basis,
        queue.expected_effect
    from queue
    left join task_outcomes
        on queue.outcome = task_outcomes.outcome
    left join risk_signals
        on queue.risk_signal_id = risk_signals.risk_signal_id
    left join band_episodes
        on queue.band_episode_id = band_episodes.band_episode_id
    left join churn_episodes
        on queue.churn_episode_id = churn_episodes.churn_episode_id
)

select * from interventions
