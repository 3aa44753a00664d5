-- How far metrics, scores, coverage, statuses and churn of a month moved from the reference windows
-- of their ages, and whether that warns. One row per version, segment, stage, month, measure and
-- subject.
with

measures as (
    select * from {{ ref('int_drift_measures') }}
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

drift_thresholds as (
    select * from {{ ref('drift_thresholds') }}
),

measures_with_status as (
    select
        measures.model_version,
        measures.segment,
        measures.stage,
        measures.month,
        measures.measure,
        measures.subject,
        measures.reference_from,
        measures.reference_to,
        measures.reference_accounts,
        measures.accounts,
        measures.unmatched_accounts,
        measures.reference_value,
        measures.value,
        measures.drift,
        {{ round_half_up('drift_thresholds.noise_multiple * measures.noise', 10) }} as noise,
        drift_thresholds.warn_at,
        drift_thresholds.alert_at,
        drift_settings.min_accounts,
        case
            when measures.reference_from is null then 'no_reference'
            when
                least(measures.accounts, measures.reference_accounts) < drift_settings.min_accounts
                then 'too_few_accounts'
            when measures.drift is null then 'no_spread'
            else 'compared'
        end as status
    from measures
    inner join drift_thresholds
        on measures.measure = drift_thresholds.measure
    cross join drift_settings
),

measures_with_level as (
    select
        measures_with_status.*,
        case
            when status <> 'compared' then null
            when abs(drift) >= alert_at and abs(drift) >= noise then 'alert'
            when abs(drift) >= warn_at and abs(drift) >= noise then 'warn'
            else 'ok'
        end as level
    from measures_with_status
),

drifts as (
    select
        model_version,
        segment,
        stage,
        month,
        measure,
        subject,
        reference_from,
        reference_to,
        cast(reference_accounts as bigint) as reference_accounts,
        cast(accounts as bigint) as accounts,
        cast(unmatched_accounts as bigint) as unmatched_accounts,
        cast(reference_value as decimal(18, 10)) as reference_value,
        cast(value as decimal(18, 10)) as value,
        cast(drift as decimal(18, 10)) as drift,
        noise,
        status,
        level,
        subject || ' of ' || segment
        || case when stage = 'all' then '' else ', ' || stage || ',' end || ' in '
        || substr(cast(month as {{ dbt.type_string() }}), 1, 7) || ': '
        || case status
            when 'no_reference'
                then 'nothing to compare with, the reference windows of ' || model_version
                    || ' are not over'
            when 'too_few_accounts'
                then 'too few accounts: '
                    || cast(least(accounts, reference_accounts) as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_accounts as {{ dbt.type_string() }})
            when 'no_spread' then 'it is the same for every account of the reference window'
            else
                case measure
                    when 'psi' then 'PSI '
                    when 'mean_shift' then 'mean moved by standard deviations '
                    when 'coverage' then 'coverage moved by '
                    when 'status_share' then 'share of accounts with this status moved by '
                    when 'churn_rate' then 'share of the band that churns moved by '
                    when 'calibration' then 'observed less predicted churn moved by '
                end
                || cast({{ round_half_up('drift', 2) }} as {{ dbt.type_string() }})
                || case
                    when level in ('warn', 'alert')
                        then
                            ', ' || level || ' from '
                            || cast(
                                cast(
                                    case level when 'alert' then alert_at else warn_at end
                                    as decimal(9, 2)
                                ) as {{ dbt.type_string() }}
                            )
                    when abs(drift) >= warn_at then ', no more than chance gives so few accounts'
                    else ''
                end
        end as finding
    from measures_with_level
)

select * from drifts
