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
                        greatest({{ day_of('tasks.completed_at') }}, tasks.opens_on)
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
        followed.task_id,
        stakes.arr_at_stake,
        case
            when stakes.arr_at_stake is null
                then 'points: ' || coalesce(stakes.stake_basis, 'the account was never judged')
            else stakes.stake_basis
        end as rank_basis,
        row_number() over (
            partition by followed.owner_id
            order by
                coalesce(stakes.arr_at_stake, 0) desc, followed.priority desc,
                followed.due_at asc, followed.task_id asc
        ) as priority_rank
    from followed
    left join stakes
        on followed.account_id = stakes.account_id
    where followed.status in ('open', 'overdue')
),

-- What is beyond a week's work is not asked.
asked as (
    select
        followed.*,
        ranked.priority_rank,
        ranked.arr_at_stake,
        ranked.rank_basis,
        case
            when ranked.priority_rank > task_settings.open_tasks_per_owner then 'queued'
            else followed.status
        end as asked_status
    from followed
    cross join task_settings
    left join ranked
        on followed.task_id = ranked.task_id
),

interventions as (
    select
        asked.task_id,
        asked.account_id,
        asked.segment,
        asked.play_id,
        asked.play_name,
        asked.tier,
        asked.audience,
        asked.channel,
        asked.script_name,
        asked.owner_role,
        asked.owner_id,
        asked.trigger_type,
        asked.trigger_name,
        risk_signals.risk_signal_id,
        cast(asked.trigger_count as bigint) as trigger_count,
        asked.is_high_risk,
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
        asked.wanted_on,
        asked.opens_on as opened_on,
        asked.opened_at,
        asked.due_at,
        asked.asked_status as status,
        asked.closed_on,
        case asked.asked_status
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
        asked.completed_at,
        asked.outcome,
        case
            when asked.status = 'completed'
                then coalesce(task_outcomes.is_intervention, true)
        end as is_treated,
        case
            when asked.completed_at <= asked.opened_at then cast(0 as decimal(18, 2))
            else
                {{ round_half_up(
                    microseconds_between('asked.opened_at', 'asked.completed_at')
                    ~ ' / 3600000000.0', 2
                ) }}
        end as hours_to_action,
        case
            when asked.completed_at is not null then asked.completed_at > asked.due_at
            when asked.asked_status = 'queued' then null
            when asked.due_at < asked.now_at
                then
                    coalesce(
                        {{ day_starts_at('asked.closed_on') }} > asked.due_at, true
                    )
            when asked.closed_on is not null then false
        end as is_late,
        asked.impact,
        asked.effort,
        cast(asked.arr as decimal(18, 2)) as arr,
        cast(asked.risk as decimal(9, 2)) as risk,
        cast(asked.priority as decimal(9, 2)) as priority,
        cast(asked.priority_rank as bigint) as priority_rank,
        cast(asked.arr_at_stake as decimal(18, 2)) as arr_at_stake,
        asked.rank_basis,
        asked.expected_effect
    from asked
    left join task_outcomes
        on asked.outcome = task_outcomes.outcome
    left join risk_signals
        on asked.risk_signal_id = risk_signals.risk_signal_id
    left join band_episodes
        on asked.band_episode_id = band_episodes.band_episode_id
    left join churn_episodes
        on asked.churn_episode_id = churn_episodes.churn_episode_id
)

select * from interventions
