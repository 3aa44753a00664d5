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
        rules.clear_after_days,
        lives.begins_on as life_begins_on,
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
        rule_days.account_id,
        rule_days.rule_id,
        rule_days.date_day,
        rule_lives.life_begins_on,
        rule_lives.clear_after_days
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
        lag(date_day) over (
            partition by account_id, rule_id, life_begins_on order by date_day
        ) as previous_day
    from applying_days
),

-- The day before the first one of an episode is the last one of the episode before it.
begun as (
    select
        followed.*,
        lead(previous_day) over (
            partition by account_id, rule_id, life_begins_on order by date_day
        ) as last_day_before_next
    from followed
    where coalesce({{ days_between('previous_day', 'date_day') }} > clear_after_days, true)
),

last_days as (
    select
        account_id,
        rule_id,
        life_begins_on,
        max(date_day) as last_day
    from applying_days
    group by account_id, rule_id, life_begins_on
),

episodes as (
    select
        begun.account_id,
        begun.rule_id,
        rules.severity,
        rules.owner_role,
        rules.band_cap,
        accounts.ended_on,
        {{ add_days('accounts.started_on', 'rules.to_day + 1') }} as window_over_on,
        lives.ends_on as life_over_on,
        {{ days_between('accounts.started_on', 'begun.date_day') }} as first_age_days,
        begun.date_day as first_seen_on,
        coalesce(begun.last_day_before_next, last_days.last_day) as last_seen_on,
        begun.clear_after_days
    from begun
    inner join last_days
        on
            begun.account_id = last_days.account_id
            and begun.rule_id = last_days.rule_id
            and begun.life_begins_on = last_days.life_begins_on
    inner join lives
        on
            begun.account_id = lives.account_id
            and begun.life_begins_on = lives.begins_on
    inner join accounts
        on begun.account_id = accounts.account_id
    inner join rules
        on
            begun.rule_id = rules.rule_id
            and accounts.segment = rules.segment
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
