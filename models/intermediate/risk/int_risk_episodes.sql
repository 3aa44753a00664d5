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

-- An account that churned and came back lives again.
life_days as (
    select
        account_id,
        date_day,
        account_age_days,
        coalesce(is_subscribed, 1) = 1 as is_live,
        sum(case when is_subscribed = 0 then 1 else 0 end) over (
            partition by account_id order by date_day
            rows between unbounded preceding and current row
        ) as life_number
    from measured_signals
),

lives as (
    select
        account_id,
        life_number,
        {{ add_days('max(date_day)', 1) }} as ends_on
    from life_days
    group by account_id, life_number
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

applying_days as (
    select
        rule_days.account_id,
        rule_days.rule_id,
        rule_days.date_day,
        life_days.life_number,
        life_days.account_age_days,
        rules.to_day,
        rules.severity,
        rules.owner_role,
        rules.clear_after_days,
        rules.band_cap,
        accounts.started_on,
        accounts.ended_on
    from rule_days
    inner join accounts
        on rule_days.account_id = accounts.account_id
    inner join rules
        on
            rule_days.rule_id = rules.rule_id
            and accounts.segment = rules.segment
    inner join life_days
        on
            rule_days.account_id = life_days.account_id
            and rule_days.date_day = life_days.date_day
    where
        life_days.is_live
        and life_days.account_age_days >= rules.from_day
        and coalesce(life_days.account_age_days <= rules.to_day, true)
),

followed as (
    select
        applying_days.*,
        lag(date_day) over (
            partition by account_id, rule_id, life_number order by date_day
        ) as previous_day
    from applying_days
),

numbered as (
    select
        followed.*,
        sum(
            case
                when {{ days_between('previous_day', 'date_day') }} <= clear_after_days then 0
                else 1
            end
        ) over (
            partition by account_id, rule_id, life_number order by date_day
            rows between unbounded preceding and current row
        ) as episode_number
    from followed
),

episodes as (
    select
        account_id,
        rule_id,
        life_number,
        severity,
        owner_role,
        band_cap,
        clear_after_days,
        ended_on,
        {{ add_days('started_on', 'to_day + 1') }} as window_over_on,
        min(account_age_days) as first_age_days,
        min(date_day) as first_seen_on,
        max(date_day) as last_seen_on
    from numbered
    group by
        account_id,
        rule_id,
        life_number,
        severity,
        owner_role,
        band_cap,
        clear_after_days,
        ended_on,
        started_on,
        to_day,
        episode_number
),

ending as (
    select
        episodes.*,
        lives.ends_on as life_over_on,
        {{ add_days('episodes.last_seen_on', 'episodes.clear_after_days') }} as resolved_on
    from episodes
    inner join lives
        on
            episodes.account_id = lives.account_id
            and episodes.life_number = lives.life_number
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
