-- Spells in which a risk rule held for an account, with the evidence in words. One row per episode.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

episodes as (
    select * from {{ ref('int_risk_episodes') }}
),

evidence as (
    select * from {{ ref('int_risk_evidence') }}
),

rules as (
    select * from {{ ref('int_risk_rules') }}
),

risk_signals as (
    select
        episodes.risk_signal_id,
        episodes.account_id,
        episodes.rule_id,
        rules.rule,
        episodes.risk_window,
        episodes.severity,
        episodes.first_seen_on,
        episodes.last_seen_on,
        episodes.occasion_on,
        episodes.cleared_on,
        episodes.cleared_by,
        episodes.is_active,
        episodes.band_cap,
        episodes.owner_role,
        accounts.owner_id,
        evidence.evidence,
        rules.rule
        || case
            when episodes.last_seen_on = accounts.observed_until
                then ' since ' || cast(episodes.first_seen_on as {{ dbt.type_string() }})
            when episodes.last_seen_on = episodes.first_seen_on
                then ' on ' || cast(episodes.first_seen_on as {{ dbt.type_string() }})
            else
                ' from ' || cast(episodes.first_seen_on as {{ dbt.type_string() }})
                || ' to ' || cast(episodes.last_seen_on as {{ dbt.type_string() }})
        end
        || ':' || evidence.last_wording || '.' as reason
    from episodes
    inner join accounts
        on episodes.account_id = accounts.account_id
    inner join rules
        on
            episodes.rule_id = rules.rule_id
            and accounts.segment = rules.segment
    inner join evidence
        on episodes.risk_signal_id = evidence.risk_signal_id
)

select * from risk_signals
