with

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

condition_days as (
    select * from {{ ref('int_risk_condition_days') }}
),

conditions as (
    select * from {{ ref('int_risk_conditions') }}
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
        condition_days.date_day
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
        rule_days.date_day
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
        rule_life,
        clear_after_days,
        date_day,
        lag(date_day) over (partition by rule_life order by date_day) as previous_day
    from applying_days
),

-- The day before the first one of an episode is the last one of the episode before it.
begun as (
    select
        rule_life,
        date_day as first_seen_on,
        lead(previous_day) over (partition by rule_life order by date_day) as last_day_before_next
    from followed
    where coalesce({{ days_between('previous_day', 'date_day') }} > clear_after_days, true)
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
        {{ add_days('last_seen_on', 'clear_after_days') }} as resolved_on
    from episodes
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
        end as cleared_by
    from ending
),

dated as (
    select
        {{ id_of(
            "ended.account_id || '|' || ended.rule_id || '|' || cast(ended.first_seen_on as "
            ~ dbt.type_string() ~ ")"
        ) }} as risk_signal_id,
        ended.account_id,
        ended.rule_id,
        risk_windows.risk_window,
        ended.severity,
        ended.owner_role,
        ended.band_cap,
        ended.first_seen_on,
        ended.last_seen_on,
        case ended.cleared_by
            when 'churned' then ended.life_over_on
            when 'out_of_window' then ended.window_over_on
            when 'resolved' then ended.resolved_on
        end as cleared_on,
        ended.cleared_by,
        ended.cleared_by is null as is_active
    from ended
    inner join risk_windows
        on
            ended.first_age_days >= risk_windows.from_day
            and coalesce(ended.first_age_days < risk_windows.next_from_day, true)
)

select * from dated
