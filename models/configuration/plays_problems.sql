-- noqa: disable=RF02
with

risk_windows as (
    select * from {{ ref('risk_windows') }}
),

risk_severities as (
    select * from {{ ref('risk_severities') }}
),

risk_rules as (
    select * from {{ ref('risk_rules') }}
),

risk_criteria as (
    select * from {{ ref('risk_criteria') }}
),

signals as (
    select * from {{ ref('signals') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

milestone_catalog as (
    select * from {{ ref('milestone_catalog') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

alert_kinds as (
    select * from {{ ref('alert_kinds') }}
),

alert_routes as (
    select * from {{ ref('alert_routes') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

event_schemas as (
    select * from {{ ref('event_schemas') }}
),

event_subjects as (
    select event_type as subject from tracking_plan
    where event_type is not null
    union distinct
    select event_type as subject from event_schemas
    where event_type is not null
    union distinct
    select 'role:' || role as subject from tracking_plan
    where role is not null
),

playbooks_problems as (
    select * from {{ ref('playbooks_problems') }}
),

window_problems as (
    select
        'plays/risk_windows.csv' as file_path,
        'from_day 0' as row_key,
        'the first window must start at day 0 and no two at the same day.' as problem,
        'Correct from_day.' as remedy
    from risk_windows
    having
        coalesce(min(from_day), -1) <> 0
        or count(distinct from_day) <> count(*)
        or count(distinct risk_window) <> count(*)
    union all
    select
        'plays/risk_severities.csv' as file_path,
        'severity ' || coalesce(min(severity), 'nothing') as row_key,
        'severities and their ranks must be there and differ.' as problem,
        'Give each severity one row and a rank of its own.' as remedy
    from risk_severities
    having
        count(distinct severity) <> count(*)
        or count(distinct severity_rank) <> count(*)
        or count(*) = 0
),

rule_problems as (
    select
        'plays/risk_rules.csv' as file_path,
        'rule_id ' || coalesce(rule_id, 'nothing') || ', segment ' || coalesce(segment, 'nothing')
            as row_key,
        case
            when
                rule_id is null
                or rule is null
                or segment is null
                or from_day is null
                or severity is null
                or owner_role is null
                or clear_after_days is null
                or description is null
                or source is null
                then 'a cell is blank that must be filled.'
            when segment <> 'any' and segment not in (select segment from size_classes)
                then 'unknown segment ' || segment || '.'
            when severity not in (select severity from risk_severities)
                then 'unknown severity ' || severity || '.'
            when from_day < 0 or to_day < from_day then 'to_day lies before from_day.'
            when clear_after_days < 1 then 'clear_after_days must be at least 1.'
            when band_cap not in (select band from health_bands)
                then 'unknown band ' || band_cap || '.'
            when rule_id not in (select rule_id from risk_criteria where rule_id is not null)
                then 'the rule has no criterion.'
        end as problem,
        'Only to_day and band_cap may be blank. Use any or a segment of size_classes.csv, a '
        || 'severity of risk_severities.csv, a band of health_bands.csv, and give each rule a '
        || 'row of risk_criteria.csv.' as remedy
    from risk_rules
    union all
    select
        'plays/risk_rules.csv' as file_path,
        'rule_id ' || rule_id || ', segment ' || segment as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from risk_rules
    group by rule_id, segment
    having count(*) > 1
),

criteria_problems as (
    select
        'plays/risk_criteria.csv' as file_path,
        'rule_id ' || coalesce(rule_id, 'nothing') || ', subject ' || coalesce(subject, 'nothing')
            as row_key,
        case
            when
                rule_id is null
                or measure is null
                or subject is null
                or operator is null
                or threshold is null
                or sustained_days is null
                or holds_when_null is null
                or label is null
                then 'a cell is blank that must be filled.'
            when rule_id not in (select rule_id from risk_rules where rule_id is not null)
                then 'unknown rule.'
            when
                measure not in (
                    'signal',
                    'milestone_days_overdue',
                    'health_score',
                    'event_days',
                    'event_users',
                    'event_user_days'
                )
                then 'unknown measure ' || measure || '.'
            when
                measure in ('event_days', 'event_users', 'event_user_days')
                and subject not in (select subject from event_subjects)
                then 'unknown event ' || subject || '.'
            when measure = 'signal' and subject not in (select signal from signals)
                then 'unknown signal ' || subject || '.'
            when measure = 'health_score' and subject <> 'score'
                then 'the subject of health_score is score.'
            when
                measure = 'milestone_days_overdue'
                and subject <> 'any'
                and subject not in (select milestone_id from milestone_catalog)
                and (
                    subject not like 'due_by:%'
                    or {{ try_cast_to("replace(subject, 'due_by:', '')", 'bigint') }} is null
                )
                then 'unknown milestone ' || subject || '.'
            when operator not in ('>=', '>', '<=', '<') then 'unknown operator ' || operator || '.'
            when sustained_days < 1 then 'sustained_days must be at least 1.'
            when measure <> 'signal' and holds_when_null
                then 'only a signal can hold when it is not observed.'
        end as problem,
        'Use a rule of risk_rules.csv, a signal of signals.csv, for milestones any, '
        || 'due_by:<day> or a milestone_id of milestone_catalog.csv, and for events an event type '
        || 'or role:<role> of tracking_plan.csv or an event type of event_schemas.csv.' as remedy
    from risk_criteria
    union all
    select
        'plays/risk_criteria.csv' as file_path,
        'rule_id ' || rule_id || ', subject ' || subject as row_key,
        'the criterion stands more than once.' as problem,
        'Keep one row.' as remedy
    from risk_criteria
    group by
        rule_id,
        measure,
        subject,
        operator,
        threshold,
        within_days,
        min_days,
        sustained_days,
        holds_when_null
    having count(*) > 1
    union all
    select
        'plays/risk_criteria.csv' as file_path,
        'rule_id ' || rule_id || ', subject ' || subject as row_key,
        case
            when
                within_days is not null
                and measure not in ('event_days', 'event_users', 'event_user_days')
                then 'within_days says nothing to ' || measure || '.'
            when within_days not between 1 and 3650 then 'within_days must be 1 to 3650.'
            when min_days is not null and measure <> 'event_user_days'
                then 'min_days says nothing to ' || measure || '.'
            when measure = 'event_user_days' and coalesce(min_days, 0) not between 1 and 3650
                then 'min_days must be 1 to 3650.'
            when min_days > within_days
                then 'min_days days do not fit into within_days days.'
            when
                measure = 'event_days'
                and (
                    threshold > within_days
                    or (operator in ('>', '<=') and threshold >= within_days)
                )
                then 'threshold days do not fit into within_days days.'
        end as problem,
        'Give within_days to event_days, event_users or event_user_days only, blank for ever, and '
        || 'min_days to event_user_days only.' as remedy
    from risk_criteria
),

alert_problems as (
    select
        'plays/alert_kinds.csv' as file_path,
        'alert_kind ' || kinds.alert_kind as row_key,
        'the kind needs exactly one row of band any.' as problem,
        'Add or remove one.' as remedy
    from (
        select 'band_worse' as alert_kind
        union all
        select 'band_better' as alert_kind
        union all
        select 'band_new_version' as alert_kind
        union all
        select 'risk_began' as alert_kind
        union all
        select 'risk_cleared' as alert_kind
        union all
        select 'override_expiring' as alert_kind
    ) as kinds
    left join alert_kinds
        on kinds.alert_kind = alert_kinds.alert_kind and alert_kinds.band = 'any'
    group by kinds.alert_kind
    having count(alert_kinds.alert_kind) <> 1
    union all
    select
        'plays/alert_kinds.csv' as file_path,
        'alert_kind ' || coalesce(alert_kind, 'nothing') || ', band ' || coalesce(band, 'nothing')
            as row_key,
        case
            when coalesce(band, '') <> 'any' and band not in (select band from health_bands)
                then 'unknown band ' || band || '.'
            when band is null then 'the band is blank.'
            when severity not in (select severity from risk_severities)
                then 'unknown severity ' || severity || '.'
            when alert_kind <> 'risk_began' and severity is null then 'the severity is blank.'
            when alert_kind not in ('risk_began', 'risk_cleared') and owner_role is null
                then 'the owner_role is blank.'
            when alert_kind = 'override_expiring' and coalesce(notice_days, -1) < 0
                then 'notice_days must be 0 or more.'
        end as problem,
        'Use any or a band of health_bands.csv and a severity of risk_severities.csv; only a risk '
        || 'rule has a severity and an owner of its own.' as remedy
    from alert_kinds
    union all
    select
        'plays/alert_kinds.csv' as file_path,
        'alert_kind ' || alert_kind || ', band ' || band as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from alert_kinds
    where band <> 'any'
    group by alert_kind, band
    having count(*) > 1
    union all
    select
        'plays/alert_routes.csv' as file_path,
        'severity ' || risk_severities.severity as row_key,
        'the severity needs exactly one route of segment any.' as problem,
        'Add or remove one.' as remedy
    from risk_severities
    left join alert_routes
        on risk_severities.severity = alert_routes.severity and alert_routes.segment = 'any'
    group by risk_severities.severity
    having count(alert_routes.severity) <> 1
    union all
    select
        'plays/alert_routes.csv' as file_path,
        'severity ' || coalesce(severity, 'nothing') || ', segment ' || coalesce(segment, 'nothing')
            as row_key,
        case
            when coalesce(severity, '') not in (select severity from risk_severities)
                then 'unknown severity.'
            when
                coalesce(segment, '') <> 'any'
                and coalesce(segment, '') not in (select segment from size_classes)
                then 'unknown segment.'
            when channel is null or coalesce(within_hours, 0) < 1
                then 'channel and within_hours must be there, within_hours at least 1.'
        end as problem,
        'Use a severity of risk_severities.csv and any or a segment of size_classes.csv.' as remedy
    from alert_routes
    union all
    select
        'plays/alert_routes.csv' as file_path,
        'severity ' || severity || ', segment ' || segment as row_key,
        'the pair stands more than once.' as problem,
        'Keep one row.' as remedy
    from alert_routes
    where segment <> 'any'
    group by severity, segment
    having count(*) > 1
),

problems as (
    select * from alert_problems
    union all
    select * from window_problems
    union all
    select * from rule_problems
    union all
    select * from criteria_problems
    union all
    select file_path, row_key, problem, remedy from playbooks_problems
)

select * from problems
where problem is not null
