{%- set text = dbt.type_string() -%}
-- Everything that somebody is to be told of: changed bands, risk episodes begun or cleared,
-- overrides that expire, with severity and route. One row per alert.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

band_alerts as (
    select * from {{ ref('fct_band_changes') }}
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

overrides as (
    select * from {{ ref('int_health_overrides') }}
),

alert_kinds as (
    select * from {{ ref('alert_kinds') }}
),

metric_advice as (
    select * from {{ ref('metric_advice') }}
),

alert_routes as (
    select * from {{ ref('alert_routes') }}
),

labelled_alerts as (
    select
        band_alerts.*,
        metric_advice.label
    from band_alerts
    left join metric_advice
        on band_alerts.top_driver_down = metric_advice.metric
),

band_crossings as (
    select
        alert_id,
        case direction when 'new_version' then 'band_new_version' else 'band_' || direction end
            as alert_kind,
        account_id,
        score_date as alerted_on,
        lead(score_date) over (partition by account_id order by score_date) as ended_on,
        band,
        cast(null as {{ text }}) as rule_id,
        cast(null as {{ text }}) as rule_severity,
        cast(null as {{ text }}) as rule_owner_role,
        alert_id as source_id,
        'Health went from ' || previous_band || ' to ' || band || ' on '
        || cast(score_date as {{ text }})
        || case band_reason
            when 'capped' then ', the best that a risk rule leaves,'
            when 'overridden' then ', set by hand,'
            else ''
        end
        || ' with a score of '
        || {{ number_text('cast(score as decimal(9, 2))') }}
        || coalesce(
            case
                when change_7d < 0
                    then
                        ', ' || {{ number_text('cast(-change_7d as decimal(9, 2))') }}
                        || ' less than a week before'
                when change_7d > 0
                    then
                        ', ' || {{ number_text('cast(change_7d as decimal(9, 2))') }}
                        || ' more than a week before'
            end, ''
        )
        || coalesce('; it loses most by: ' || label, '') || '.' as reason
    from labelled_alerts
),

rule_episodes as (
    select
        episodes.*,
        rules.rule,
        evidence.first_wording
    from episodes
    inner join accounts
        on episodes.account_id = accounts.account_id
    inner join rules
        on
            episodes.rule_id = rules.rule_id
            and accounts.segment = rules.segment
    inner join evidence
        on episodes.risk_signal_id = evidence.risk_signal_id
),

risk_crossings as (
    select
        {{ id_of("risk_signal_id || '|risk_began'") }} as alert_id,
        'risk_began' as alert_kind,
        account_id,
        first_seen_on as alerted_on,
        cleared_on as ended_on,
        cast(null as {{ text }}) as band,
        rule_id,
        severity as rule_severity,
        owner_role as rule_owner_role,
        risk_signal_id as source_id,
        rule || ' on ' || cast(first_seen_on as {{ text }}) || ':' || first_wording || '.' as reason
    from rule_episodes
    union all
    select
        {{ id_of("risk_signal_id || '|risk_cleared'") }} as alert_id,
        'risk_cleared' as alert_kind,
        account_id,
        cleared_on as alerted_on,
        cast(null as date) as ended_on,
        cast(null as {{ text }}) as band,
        rule_id,
        severity as rule_severity,
        owner_role as rule_owner_role,
        risk_signal_id as source_id,
        'Over on ' || cast(cleared_on as {{ text }}) || ': ' || rule || ', true since '
        || cast(first_seen_on as {{ text }}) || '.' as reason
    from rule_episodes
    where cleared_by = 'resolved'
),

override_notices as (
    select
        overrides.override_id,
        overrides.account_id,
        overrides.band,
        overrides.expires_on,
        overrides.ends_on,
        greatest(
            overrides.starts_on,
            {{ add_days('overrides.expires_on', '-alert_kinds.notice_days') }}
        ) as notice_on
    from overrides
    inner join alert_kinds
        on alert_kinds.alert_kind = 'override_expiring' and alert_kinds.band = 'any'
),

override_crossings as (
    select
        {{ id_of("override_notices.override_id || '|override_expiring'") }} as alert_id,
        'override_expiring' as alert_kind,
        override_notices.account_id,
        override_notices.notice_on as alerted_on,
        case
            when override_notices.ends_on < accounts.observed_until
                then {{ add_days('override_notices.ends_on', 1) }}
        end as ended_on,
        override_notices.band,
        cast(null as {{ text }}) as rule_id,
        cast(null as {{ text }}) as rule_severity,
        cast(null as {{ text }}) as rule_owner_role,
        override_notices.override_id as source_id,
        'The band ' || override_notices.band || ' that was set by hand runs out on '
        || cast(override_notices.expires_on as {{ text }}) || '.' as reason
    from override_notices
    inner join accounts
        on override_notices.account_id = accounts.account_id
    where
        override_notices.notice_on <= override_notices.ends_on
        and override_notices.notice_on <= accounts.observed_until
        and coalesce(override_notices.notice_on < accounts.churned_on, true)
),

crossings as (
    select * from band_crossings
    union all
    select * from risk_crossings
    union all
    select * from override_crossings
),

-- A kind's row for the band itself goes before the one for any band, and a route likewise.
alerts_by_kind as (
    select
        crossings.*,
        accounts.segment,
        accounts.owner_id,
        case when crossings.alert_kind <> 'risk_cleared' then accounts.churned_on end as churned_on,
        coalesce(alert_kinds.severity, crossings.rule_severity) as severity,
        coalesce(alert_kinds.owner_role, crossings.rule_owner_role) as owner_role,
        row_number() over (
            partition by crossings.alert_id
            order by case when alert_kinds.band = 'any' then 1 else 0 end
        ) as kind_rank
    from crossings
    inner join accounts
        on crossings.account_id = accounts.account_id
    inner join alert_kinds
        on
            crossings.alert_kind = alert_kinds.alert_kind
            and (
                alert_kinds.band = 'any'
                or coalesce(crossings.band = alert_kinds.band, false)
            )
),

alerts_by_route as (
    select
        alerts_by_kind.*,
        alert_routes.channel,
        alert_routes.within_hours,
        alert_routes.also_to_role,
        row_number() over (
            partition by alerts_by_kind.alert_id
            order by case when alert_routes.segment = 'any' then 1 else 0 end
        ) as route_rank
    from alerts_by_kind
    inner join alert_routes
        on
            alerts_by_kind.severity = alert_routes.severity
            and alert_routes.segment in (alerts_by_kind.segment, 'any')
    where alerts_by_kind.kind_rank = 1
),

alerts as (
    select
        alert_id,
        alert_kind,
        account_id,
        segment,
        owner_id,
        alerted_on,
        case when churned_on <= coalesce(ended_on, churned_on) then churned_on else ended_on end
            as ended_on,
        severity,
        owner_role,
        also_to_role,
        channel,
        within_hours,
        band,
        rule_id,
        source_id,
        reason
    from alerts_by_route
    where route_rank = 1
)

select * from alerts
