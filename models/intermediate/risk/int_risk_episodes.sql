{%- set no_day = "cast('9999-12-31' as date)" -%}

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

unscored as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'too_little_data'
),

-- Due while it was observed, and not reached before it no longer was.
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

spans as (
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
    from spans
    union all
    select
        account_id,
        {{ add_days('date_day', 1) }} as begins_on
    from measured_signals
    where is_subscribed = 0
),

-- An account that churned and came back lives again; the day of a churn belongs to no life.
lives as (
    select
        life_begins.account_id,
        life_begins.begins_on,
        coalesce(
            {{ add_days(
                'lead(life_begins.begins_on) over ('
                ~ 'partition by life_begins.account_id order by life_begins.begins_on)', -1
            ) }},
            spans.ends_on
        ) as ends_on
    from life_begins
    inner join spans
        on life_begins.account_id = spans.account_id
),

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

followed as (
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

-- The day before the first one of an episode is the last one of the episode before it.
begun as (
    select
        rule_life,
        date_day as first_seen_on,
        earliest_occasion_on,
        lead(previous_day) over (partition by rule_life order by date_day) as last_day_before_next,
        lead(date_day) over (partition by rule_life order by date_day) as next_first_seen_on
    from followed
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
        begun.first_seen_on,
        begun.next_first_seen_on,
        nullif(begun.earliest_occasion_on, {{ no_day }}) as occasion_on,
        {{ days_between('rule_lives.started_on', 'begun.first_seen_on') }} as first_age_days,
        coalesce(begun.last_day_before_next, last_days.last_day) as last_seen_on
    from begun
    inner join last_days
        on begun.rule_life = last_days.rule_life
    inner join rule_lives
        on begun.rule_life = rule_lives.rule_life
),

ending as (
    select
        episodes.*,
        coalesce(
            least({{ add_days('last_seen_on', 'clear_after_days') }}, next_first_seen_on),
            {{ add_days('last_seen_on', 'clear_after_days') }}
        ) as resolved_on
    from episodes
),

ending_conditions as (
    select
        ending.account_id,
        ending.rule_life,
        ending.resolved_on,
        conditions.condition_number,
        conditions.measure,
        conditions.subject
    from ending
    inner join conditions
        on ending.rule_id = conditions.rule_id
    where ending.resolved_on <= ending.ended_on
),

unobserved as (
    select
        ending_conditions.rule_life,
        ending_conditions.resolved_on
    from ending_conditions
    inner join observed_signals
        on
            ending_conditions.measure in ('signal', 'fall')
            and ending_conditions.subject = observed_signals.signal
    left join signal_coverage
        on
            ending_conditions.subject = signal_coverage.signal
            and ending_conditions.resolved_on = signal_coverage.date_day
    where signal_coverage.signal is null
    union distinct
    select
        ending_conditions.rule_life,
        ending_conditions.resolved_on
    from ending_conditions
    left join event_values
        on
            ending_conditions.account_id = event_values.account_id
            and ending_conditions.condition_number = event_values.condition_number
            and ending_conditions.resolved_on = event_values.date_day
    where
        ending_conditions.measure in ('event_days', 'event_users', 'event_user_days')
        and event_values.account_id is null
    union distinct
    select
        ending_conditions.rule_life,
        ending_conditions.resolved_on
    from ending_conditions
    inner join unscored
        on
            ending_conditions.measure = 'health_score'
            and ending_conditions.account_id = unscored.account_id
            and {{ last_score_weekday('ending_conditions.resolved_on') }} = unscored.score_date
    union distinct
    select
        ending_conditions.rule_life,
        ending_conditions.resolved_on
    from ending_conditions
    inner join lost_milestones
        on
            ending_conditions.account_id = lost_milestones.account_id
            and ending_conditions.resolved_on >= lost_milestones.lost_from
            and ending_conditions.resolved_on <= lost_milestones.lost_to
            and (
                ending_conditions.subject in (
                    'any',
                    'milestone_completion_due',
                    'milestone_completion_all',
                    lost_milestones.milestone_id
                )
                or {{ try_cast_to("replace(ending_conditions.subject, 'due_by:', '')", 'bigint') }}
                >= lost_milestones.deadline_days
            )
    where
        ending_conditions.measure = 'milestone_days_overdue'
        or ending_conditions.subject in ('milestone_completion_due', 'milestone_completion_all')
),

ended as (
    select
        ending.*,
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
    from ending
),

-- It is not known to be resolved where nobody could see whether the rule holds.
told as (
    select
        ended.*,
        case
            when ended.over_by = 'resolved' and unobserved.rule_life is not null
                then 'not_observed'
            when ended.over_by = 'churned' and completions.account_id is not null then 'completed'
            else ended.over_by
        end as cleared_by
    from ended
    left join unobserved
        on
            ended.rule_life = unobserved.rule_life
            and ended.resolved_on = unobserved.resolved_on
    left join completions
        on
            ended.account_id = completions.account_id
            and ended.life_over_on >= completions.completed_on
            and coalesce(ended.life_over_on < completions.returned_on, true)
),

dated as (
    select
        {{ id_of(
            "told.account_id || '|' || told.rule_id || '|' || cast(told.first_seen_on as "
            ~ dbt.type_string() ~ ")"
        ) }} as risk_signal_id,
        told.account_id,
        told.rule_id,
        risk_windows.risk_window,
        told.severity,
        told.owner_role,
        told.band_cap,
        told.first_seen_on,
        told.last_seen_on,
        told.occasion_on,
        case told.cleared_by
            when 'churned' then told.life_over_on
            when 'completed' then told.life_over_on
            when 'out_of_window' then told.window_over_on
            when 'resolved' then told.resolved_on
            when 'not_observed' then told.resolved_on
        end as cleared_on,
        told.cleared_by,
        told.cleared_by is null as is_active
    from told
    inner join risk_windows
        on
            told.first_age_days >= risk_windows.from_day
            and coalesce(told.first_age_days < risk_windows.next_from_day, true)
)

select * from dated
