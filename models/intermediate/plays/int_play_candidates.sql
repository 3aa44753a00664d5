with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

risk_episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

band_episodes as (
    select * from {{ ref('int_band_episodes') }}
),

churn_episodes as (
    select * from {{ ref('int_churn_episodes') }}
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

episodes as (
    select
        account_id,
        'rule' as trigger_type,
        rule_id as trigger_name,
        risk_signal_id as trigger_id,
        first_seen_on,
        cleared_on,
        cleared_by
    from risk_episodes
    union all
    select
        account_id,
        'band' as trigger_type,
        band as trigger_name,
        band_episode_id as trigger_id,
        first_seen_on,
        cleared_on,
        cleared_by
    from band_episodes
    union all
    select
        account_id,
        'churn' as trigger_type,
        'any' as trigger_name,
        churn_episode_id as trigger_id,
        first_seen_on,
        cleared_on,
        case when has_returned then 'returned' else 'over' end as cleared_by
    from churn_episodes
),

-- The play is wanted on the days of the trigger on which the account has the age for it, and not
-- before anybody could be asked.
wanted as (
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

-- Value that is realised stays so; a renewal or a recovery answers what was wanted before it.
mooted as (
    select
        wanted.account_id,
        wanted.play_id,
        wanted.trigger_id,
        wanted.wanted_on,
        min(moots.happened_on) as happened_on
    from wanted
    inner join moots
        on
            wanted.account_id = moots.account_id
            and wanted.moot_by = moots.moot_by
            and (moots.moot_by = 'value_realised' or wanted.wanted_on < moots.happened_on)
    group by wanted.account_id, wanted.play_id, wanted.trigger_id, wanted.wanted_on
),

begun as (
    select
        wanted.*,
        coalesce(mooted.happened_on, cast('9999-12-31' as date)) as moot_on,
        playbooks.tier,
        playbooks.cadence_limit,
        playbooks.impact,
        playbooks.effort,
        {{ add_days('wanted.wanted_on', 'playbooks.lapses_after_days') }} as lapses_on,
        {{ last_score_weekday('wanted.wanted_on') }} as last_score_date
    from wanted
    cross join build_moment
    inner join playbooks
        on wanted.play_id = playbooks.play_id
    left join mooted
        on
            wanted.account_id = mooted.account_id
            and wanted.play_id = mooted.play_id
            and wanted.trigger_id = mooted.trigger_id
            and wanted.wanted_on = mooted.wanted_on
    where
        wanted.wanted_on < least(wanted.cleared_on, wanted.outgrown_on)
        and coalesce(mooted.happened_on > wanted.wanted_on, true)
        and wanted.wanted_on <= build_moment.as_of
),

weighed as (
    select
        {{ id_of(
            "begun.account_id || '|' || begun.play_id || '|' || begun.trigger_id || '|' "
            ~ "|| cast(begun.wanted_on as " ~ dbt.type_string() ~ ")"
        ) }} as task_id,
        begun.*,
        least(begun.cleared_on, begun.outgrown_on, begun.moot_on, begun.lapses_on) as ends_on,
        measured_signals.arr,
        100 - scores.score as risk
    from begun
    left join measured_signals
        on
            begun.account_id = measured_signals.account_id
            and begun.wanted_on = measured_signals.date_day
    left join scores
        on
            begun.account_id = scores.account_id
            and begun.last_score_date = scores.score_date
),

valued as (
    select task_id, 'impact' as term, cast(impact as decimal(18, 2)) as term_value from weighed
    union all
    select task_id, 'effort' as term, cast(effort as decimal(18, 2)) as term_value from weighed
    union all
    select task_id, 'arr' as term, cast(arr as decimal(18, 2)) as term_value from weighed
    union all
    select task_id, 'risk' as term, cast(risk as decimal(18, 2)) as term_value from weighed
),

placed as (
    select
        valued.task_id,
        priority_terms.weight,
        {{ as_double(
            'coalesce(valued.term_value, priority_terms.value_when_null)'
            ~ ' - priority_terms.worth_nothing_at'
        ) }} / (priority_terms.worth_all_at - priority_terms.worth_nothing_at) as place
    from valued
    inner join priority_terms
        on valued.term = priority_terms.term
),

prioritised as (
    select
        task_id,
        sum({{ round_half_up('100 * weight * greatest(least(place, 1), 0)', 6) }}) as points
    from placed
    group by task_id
),

candidates as (
    select
        weighed.task_id,
        weighed.account_id,
        weighed.segment,
        weighed.play_id,
        weighed.tier,
        weighed.cadence_limit,
        weighed.trigger_type,
        weighed.trigger_name,
        weighed.trigger_id,
        weighed.is_high_risk,
        weighed.wanted_on,
        weighed.ends_on,
        case
            when weighed.ends_on = weighed.moot_on and weighed.moot_by is not null
                then weighed.moot_by
            when weighed.ends_on < least(weighed.cleared_on, weighed.outgrown_on) then 'lapsed'
            when weighed.ends_on < weighed.cleared_on then 'outgrown'
            when weighed.cleared_by = 'churned' then 'account_churned'
            when weighed.cleared_by = 'completed' then 'account_completed'
            when weighed.cleared_by = 'returned' then 'reactivated'
            when weighed.cleared_by = 'over' then 'lapsed'
            when weighed.cleared_by = 'out_of_window' then 'outgrown'
            else 'withdrawn'
        end as ended_by,
        weighed.arr,
        weighed.risk,
        {{ round_half_up('prioritised.points', 2) }} as priority
    from weighed
    inner join prioritised
        on weighed.task_id = prioritised.task_id
)

select * from candidates
