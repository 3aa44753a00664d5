-- Everything that the latest build warns of, as sentences. One row per warning.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

reconciliation as (
    select * from {{ ref('rpt_stream_reconciliation') }}
),

rejected_events as (
    select * from {{ ref('fct_rejected_events') }}
),

reject_thresholds as (
    select * from {{ ref('reject_thresholds') }}
),

coverage as (
    select * from {{ ref('fct_stream_coverage') }}
    where is_used
),

anomalies as (
    select * from {{ ref('fct_volume_anomalies') }}
    where not is_excluded
),

volume_rules as (
    select * from {{ ref('volume_rules') }}
),

unresolved_merges as (
    select * from {{ ref('fct_account_merges') }}
    where outcome in ('unknown_account', 'too_long')
),

validation as (
    select * from {{ ref('rpt_health_validation') }}
),

drifts as (
    select * from {{ ref('rpt_health_drift') }}
),

risk_signals as (
    select * from {{ ref('fct_risk_episodes') }}
    where is_active
),

accounts as (
    select * from {{ ref('dim_accounts') }}
    where churned_on is null
),

risk_settings as (
    select * from {{ ref('risk_settings') }}
),

reason_counts as (
    select
        source,
        reject_reason,
        count(*) as row_count
    from rejected_events
    group by source, reject_reason
),

ranked_reasons as (
    select
        source,
        reject_reason,
        row_count,
        row_number() over (
            partition by source order by row_count desc, reject_reason asc
        ) as place
    from reason_counts
),

reject_warnings as (
    select
        'rejects' as topic,
        1 as topic_order,
        'fct_rejected_events' as mart,
        {{ as_double('reconciliation.rejected_count') }} / reconciliation.raw_count as weight,
        'The ' || reconciliation.source || ' stream refused '
        || cast(reconciliation.rejected_count as {{ dbt.type_string() }}) || ' of '
        || cast(reconciliation.raw_count as {{ dbt.type_string() }}) || ' rows, more than '
        || {{ number_text('cast(100 * reject_thresholds.warn_share as decimal(18, 4))') }}
        || ' %: most as ' || ranked_reasons.reject_reason || ' ('
        || cast(ranked_reasons.row_count as {{ dbt.type_string() }}) || ').' as sentence
    from reconciliation
    inner join reject_thresholds
        on reconciliation.source = reject_thresholds.source
    inner join ranked_reasons
        on reconciliation.source = ranked_reasons.source and ranked_reasons.place = 1
    where reconciliation.rejected_count > reject_thresholds.warn_share * reconciliation.raw_count
),

document_warnings as (
    select
        'documents' as topic,
        4 as topic_order,
        'rpt_stream_reconciliation' as mart,
        ambiguous_document_count as weight,
        'Rows of the ' || source || ' stream whose ticket, subscription or invoice several other'
        || ' accounts began, so that nobody can tell which is meant: '
        || cast(ambiguous_document_count as {{ dbt.type_string() }}) || '.' as sentence
    from reconciliation
    where ambiguous_document_count > 0
),

merge_warnings as (
    select
        'merges' as topic,
        5 as topic_order,
        'fct_account_merges' as mart,
        count(*) as weight,
        'Account merges left out, as ' || case outcome
            when 'unknown_account' then 'they name an account that was never created'
            else 'their chain is too long to follow'
        end || ': ' || cast(count(*) as {{ dbt.type_string() }}) || '.' as sentence
    from unresolved_merges
    group by outcome
),

silent_subjects as (
    select * from coverage
    where is_silent
),

-- A silent stream is one warning; its subjects are not listed as well.
silence_warnings as (
    select
        'silent_streams' as topic,
        2 as topic_order,
        'fct_stream_coverage' as mart,
        0 as weight,
        silent_subjects.sentence
    from silent_subjects
    left join silent_subjects as streams
        on silent_subjects.source = streams.source and streams.subject = 'any'
    where silent_subjects.subject = 'any' or streams.source is null
),

connection_warnings as (
    select
        'not_connected' as topic,
        3 as topic_order,
        'fct_stream_coverage' as mart,
        0 as weight,
        sentence
    from coverage
    where subject = 'any' and observed_from is null
),

recent_anomalies as (
    select
        anomalies.source,
        anomalies.event_type,
        anomalies.kind,
        min(anomalies.date_day) as first_day,
        max(anomalies.date_day) as last_day,
        sum(anomalies.observed) as observed,
        cast(floor(sum(coalesce(anomalies.expected, 0))) as bigint) as expected
    from anomalies
    inner join volume_rules
        on anomalies.source = volume_rules.source
    cross join build_moment
    where
        {{ days_between('anomalies.date_day', 'build_moment.as_of') }} < volume_rules.report_days
    group by anomalies.source, anomalies.event_type, anomalies.kind, anomalies.since
),

volume_warnings as (
    select
        'volume' as topic,
        6 as topic_order,
        'fct_volume_anomalies' as mart,
        expected as weight,
        event_type || ' of the ' || source || ' stream '
        || case kind when 'silent' then 'is silent' else 'has a ' || kind end || ' from '
        || cast(first_day as {{ dbt.type_string() }}) || ' to '
        || cast(last_day as {{ dbt.type_string() }}) || ': '
        || cast(observed as {{ dbt.type_string() }}) || ' events, where some '
        || cast(expected as {{ dbt.type_string() }}) || ' were expected.' as sentence
    from recent_anomalies
),

validation_warnings as (
    select
        'validation' as topic,
        7 as topic_order,
        'rpt_health_validation' as mart,
        0 as weight,
        'Within ' || cast(horizon_days as {{ dbt.type_string() }}) || ' days the score of '
        || model_version || case split when 'holdout' then ' on the holdout' else '' end
        || case basis when 'known_then' then ' as published then' else '' end
        || ' ' || verdict || '.' as sentence
    from validation
    where
        predictor = 'score'
        and segment = 'all'
        and split in ('all', 'holdout')
        and population = 'all'
        and finding in ('does_not_predict', 'predicts_the_wrong_way', 'predicts_weakly')
),

last_months as (
    select
        model_version,
        measure,
        max(month) as month
    from drifts
    group by model_version, measure
),

drift_warnings as (
    select
        'drift' as topic,
        8 as topic_order,
        'rpt_health_drift' as mart,
        abs(drifts.drift) as weight,
        'Drift: ' || drifts.finding || '.' as sentence
    from drifts
    inner join last_months
        on
            drifts.model_version = last_months.model_version
            and drifts.measure = last_months.measure
            and drifts.month = last_months.month
    where drifts.level in ('warn', 'alert')
),

book as (
    select count(*) as account_count from accounts
),

rule_counts as (
    select
        rule_id,
        count(distinct account_id) as account_count
    from risk_signals
    group by rule_id
),

rule_warnings as (
    select
        'rules' as topic,
        9 as topic_order,
        'fct_risk_episodes' as mart,
        rule_counts.account_count as weight,
        'The rule ' || rule_counts.rule_id || ' holds for '
        || cast(rule_counts.account_count as {{ dbt.type_string() }}) || ' of '
        || cast(book.account_count as {{ dbt.type_string() }}) || ' accounts, more than '
        || {{ number_text('cast(100 * risk_settings.warn_share as decimal(18, 2))') }}
        || ' %: it no longer tells some from the others.' as sentence
    from rule_counts
    cross join book
    cross join risk_settings
    where
        rule_counts.account_count > risk_settings.warn_share * book.account_count
        and book.account_count >= risk_settings.warn_from_accounts
),

all_warnings as (
    select * from reject_warnings
    union all
    select * from silence_warnings
    union all
    select * from connection_warnings
    union all
    select * from document_warnings
    union all
    select * from merge_warnings
    union all
    select * from volume_warnings
    union all
    select * from validation_warnings
    union all
    select * from drift_warnings
    union all
    select * from rule_warnings
),

ordered_warnings as (
    select
        topic,
        cast(topic_order as bigint) as topic_order,
        cast(
            row_number() over (partition by topic order by weight desc, sentence asc) as bigint
        ) as place,
        sentence,
        mart
    from all_warnings
)

select * from ordered_warnings
