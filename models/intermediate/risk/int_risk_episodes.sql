{%- set no_day = "cast('9999-12-31' as date)" -%}

-- Episodes of the risk rules: the days on which a rule holds for an account, joined across gaps of
-- fewer than `clear_after_days` days (gaps and islands). One row per account, rule and first day.
-- An episode lasts from first_seen_on to the day before cleared_on: half-open.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

condition_days as (
    select * from {{ ref('int_risk_condition_days') }}
),

conditions as (
    select * from {{ ref('int_risk_conditions') }}
),

observed_signals as (
    select * from {{ ref('signals') }}
    where observed_by is not null
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
),

event_values as (
    select * from {{ ref('int_risk_event_values') }}
),

unscored_dates as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'too_little_data'
),

-- Milestones that fell due while they could be observed, and that were open when that ended: from
-- then on nobody can see whether they are overdue.
lost_milestones as (
    select
        account_id,
        milestone_id,
        {{ days_between('started_on', 'due_on') }} as deadline_days,
        {{ add_days('observed_until', 1) }} as lost_from,
        coalesce(
            {{ add_days(day_of('coalesce(achieved_at, waived_at)'), -1) }}, ended_on
        ) as lost_to
    from {{ ref('int_milestone_achievements') }}
    where is_observable and due_on <= complete_through
),

rules as (
    select * from {{ ref('int_risk_rules') }}
),

risk_windows as (
    select
        risk_window,
        from_day,
        lead(from_day) over (order by from_day) as next_from_day
    from {{ ref('risk_windows') }}
),

account_spans as (
    select
        account_id,
        min(date_day) as begins_on,
        {{ add_days('max(date_day)', 1) }} as ends_on
    from measured_signals
    group by account_id
),

life_begins as (
    select
        account_id,
        begins_on
    from account_spans
    union all
    select
        account_id,
        {{ add_days('date_day', 1) }} as begins_on
    from measured_signals
    where is_subscribed = 0
),

-- A life is a stretch of days without an unsubscribed one, half-open: from begins_on to the day
-- before ends_on. An account that churned and came back has another one.
lives as (
    select
        life_begins.account_id,
        life_begins.begins_on,
        coalesce(
            {{ add_days(
                'lead(life_begins.begins_on) over ('
                ~ 'partition by life_begins.account_id order by life_begins.begins_on)', -1
            ) }},
            account_spans.ends_on
        ) as ends_on
    from life_begins
    inner join account_spans
        on life_begins.account_id = account_spans.account_id
),

-- The days on which all criteria of a rule hold.
rule_days as (
    select
        condition_days.account_id,
        conditions.rule_id,
        condition_days.date_day,
        coalesce(min(condition_days.occasion_on), {{ no_day }}) as earliest_occasion_on,
        coalesce(max(condition_days.occasion_on), {{ no_day }}) as latest_occasion_on
    from condition_days
    inner join conditions
        on condition_days.condition_number = conditions.condition_number
    group by
        condition_days.account_id,
        conditions.rule_id,
        condition_days.date_day,
        conditions.criterion_count
    having count(*) = conditions.criterion_count
),

-- The days of a life at an age at which the rule applies, half-open: from applies_from to the day
-- before applies_until.
rule_lives as (
    select
        accounts.account_id,
        rules.rule_id,
        rules.severity,
        rules.owner_role,
        rules.band_cap,
        rules.clear_after_days,
        accounts.started_on,
        accounts.ended_on,
        lives.ends_on as life_over_on,
        {{ add_days('accounts.started_on', 'rules.to_day + 1') }} as window_over_on,
        row_number() over (
            order by accounts.account_id, rules.rule_id, lives.begins_on
        ) as rule_life,
        greatest(
            lives.begins_on, {{ add_days('accounts.started_on', 'rules.from_day') }}
        ) as applies_from,
        coalesce(
            least(lives.ends_on, {{ add_days('accounts.started_on', 'rules.to_day + 1') }}),
            lives.ends_on
        ) as applies_until
    from accounts
    inner join lives
        on accounts.account_id = lives.account_id
    inner join rules
        on accounts.segment = rules.segment
),

applying_days as (
    select
        rule_lives.rule_life,
        rule_lives.clear_after_days,
        rule_days.date_day,
        rule_days.earliest_occasion_on,
        rule_days.latest_occasion_on
    from rule_days
    inner join rule_lives
        on
            rule_days.account_id = rule_lives.account_id
            and rule_days.rule_id = rule_lives.rule_id
            and rule_days.date_day >= rule_lives.applies_from
            and rule_days.date_day < rule_lives.applies_until
),

days_with_previous as (
    select
        applying_days.*,
        lag(date_day) over (partition by rule_life order by date_day) as previous_day,
        lag(earliest_occasion_on) over (
            partition by rule_life order by date_day
        ) as previous_earliest_on,
        lag(latest_occasion_on) over (
            partition by rule_life order by date_day
        ) as previous_latest_on
    from applying_days
),

-- Gaps and islands: an episode starts where the rule last held more than `clear_after_days` days
-- before, or held about another occasion. The day on which the rule held before the next start is
-- the last day of the episode.
starts as (
    select
        rule_life,
        date_day as first_seen_on,
        earliest_occasion_on,
        lead(previous_day) over (partition by rule_life order by date_day) as last_day_before_next,
        lead(date_day) over (partition by rule_life order by date_day) as next_first_seen_on
    from days_with_previous
    where
        coalesce({{ days_between('previous_day', 'date_day') }} > clear_after_days, true)
        or earliest_occasion_on <> previous_earliest_on
        or latest_occasion_on <> previous_latest_on
),

last_days as (
    select
        rule_life,
        max(date_day) as last_day
    from applying_days
    group by rule_life
),

episodes as (
    select
        rule_lives.*,
        starts.first_seen_on,
        starts.next_first_seen_on,
        nullif(starts.earliest_occasion_on, {{ no_day }}) as occasion_on,
        {{ days_between('rule_lives.started_on', 'starts.first_seen_on') }} as first_age_days,
        coalesce(starts.last_day_before_next, last_days.last_day) as last_seen_on
    from starts
    inner join last_days
        on starts.rule_life = last_days.rule_life
    inner join rule_lives
        on starts.rule_life = rule_lives.rule_life
),

episodes_with_resolution as (
    select
        episodes.*,
        coalesce(
            least({{ add_days('last_seen_on', 'clear_after_days') }}, next_first_seen_on),
            {{ add_days('last_seen_on', 'clear_after_days') }}
        ) as resolved_on
    from episodes
),

end_conditions as (
    select
        episodes_with_resolution.account_id,
        episodes_with_resolution.rule_life,
        episodes_with_resolution.resolved_on,
        conditions.condition_number,
        conditions.measure,
        conditions.subject
    from episodes_with_resolution
    inner join conditions
        on episodes_with_resolution.rule_id = conditions.rule_id
    where episodes_with_resolution.resolved_on <= episodes_with_resolution.ended_on
),

-- Resolutions on a day on which a criterion of the rule could not be observed: the signal, its
-- events, the score or a milestone.
unobserved_resolutions as (
    select
        end_conditions.rule_life,
        end_conditions.resolved_on
    from end_conditions
    inner join observed_signals
        on
            end_conditions.measure in ('signal', 'fall')
            and end_conditions.subject = observed_signals.signal
    left join signal_coverage
        on
            end_conditions.subject = signal_coverage.signal
            and end_conditions.resolved_on = signal_coverage.date_day
    where signal_coverage.signal is null
    union distinct
    select
        end_conditions.rule_life,
        end_conditions.resolved_on
    from end_conditions
    left join event_values
        on
            end_conditions.account_id = event_values.account_id
            and end_conditions.condition_number = event_values.condition_number
            and end_conditions.resolved_on = event_values.date_day
    where
        end_conditions.measure in ('event_days', 'event_users', 'event_user_days')
        and event_values.account_id is null
    union distinct
    select
        end_conditions.rule_life,
        end_conditions.resolved_on
    from end_conditions
    inner join unscored_dates
        on
            end_conditions.measure = 'health_score'
            and end_conditions.account_id = unscored_dates.account_id
            and {{ last_score_weekday('end_conditions.resolved_on') }} = unscored_dates.score_date
    union distinct
    select
        end_conditions.rule_life,
        end_conditions.resolved_on
    from end_conditions
    inner join lost_milestones
        on
            end_conditions.account_id = lost_milestones.account_id
            and end_conditions.resolved_on >= lost_milestones.lost_from
            and end_conditions.resolved_on <= lost_milestones.lost_to
            and (
                end_conditions.subject in (
                    'any',
                    'milestone_completion_due',
                    'milestone_completion_all',
                    lost_milestones.milestone_id
                )
                or {{ try_cast_to("replace(end_conditions.subject, 'due_by:', '')", 'bigint') }}
                >= lost_milestones.deadline_days
            )
    where
        end_conditions.measure = 'milestone_days_overdue'
        or end_conditions.subject in ('milestone_completion_due', 'milestone_completion_all')
),

ends as (
    select
        episodes_with_resolution.*,
        case
            when
                life_over_on <= ended_on
                and life_over_on <= resolved_on
                and coalesce(life_over_on <= window_over_on, true)
                then 'churned'
            when window_over_on <= ended_on and window_over_on <= resolved_on
                then 'out_of_window'
            when resolved_on <= ended_on then 'resolved'
        end as over_by
    from episodes_with_resolution
),

-- Where nobody could see whether the rule still holds, an episode ends as not observed and not as
-- resolved.
episodes_with_reason as (
    select
        ends.*,
        case
            when ends.over_by = 'resolved' and unobserved_resolutions.rule_life is not null
                then 'not_observed'
            when ends.over_by = 'churned' and completions.account_id is not null then 'completed'
            else ends.over_by
        end as cleared_by
    from ends
    left join unobserved_resolutions
        on
            ends.rule_life = unobserved_resolutions.rule_life
            and ends.resolved_on = unobserved_resolutions.resolved_on
    left join completions
        on
            ends.account_id = completions.account_id
            and ends.life_over_on >= completions.completed_on
            and ends.life_over_on < coalesce(completions.returned_on, cast('9999-12-31' as date))
),

risk_episodes as (
    select
        {{ id_of(
            "episodes_with_reason.account_id || '|' || episodes_with_reason.rule_id || '|' || "
            ~ "cast(episodes_with_reason.first_seen_on as "
            ~ dbt.type_string() ~ ")"
        ) }} as risk_signal_id,
        episodes_with_reason.account_id,
        episodes_with_reason.rule_id,
        risk_windows.risk_window,
        episodes_with_reason.severity,
        episodes_with_reason.owner_role,
        episodes_with_reason.band_cap,
        episodes_with_reason.first_seen_on,
        episodes_with_reason.last_seen_on,
        episodes_with_reason.occasion_on,
        case episodes_with_reason.cleared_by
            when 'churned' then episodes_with_reason.life_over_on
            when 'completed' then episodes_with_reason.life_over_on
            when 'out_of_window' then episodes_with_reason.window_over_on
            when 'resolved' then episodes_with_reason.resolved_on
            when 'not_observed' then episodes_with_reason.resolved_on
        end as cleared_on,
        episodes_with_reason.cleared_by,
        episodes_with_reason.cleared_by is null as is_active
    from episodes_with_reason
    inner join risk_windows
        on
            episodes_with_reason.first_age_days >= risk_windows.from_day
            and coalesce(episodes_with_reason.first_age_days < risk_windows.next_from_day, true)
)

select * from risk_episodes
