{%- set cell = ['model_version', 'segment', 'subject'] -%}

with

scores as (
    select
        account_id,
        score_date,
        model_version,
        segment,
        status,
        band,
        coverage,
        cast(score / 100 as decimal(18, 6)) as value
    from {{ ref('int_health_scores') }}
    where
        track = 'live'
        and status <> 'churned'
        and {{ iso_weekday('score_date') }} = {{ var('score_weekday') }}
),

metrics as (
    select
        account_id,
        score_date,
        metric,
        value_status = 'observed' as is_observed,
        normalised_value
    from {{ ref('int_health_metrics') }}
    where track = 'live'
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

drift_settings as (
    select * from {{ ref('drift_settings') }}
),

drift_thresholds as (
    select * from {{ ref('drift_thresholds') }}
),

scored_counts as (
    select
        model_version,
        score_date,
        sum(case when status = 'scored' then 1 else 0 end) as scored_count
    from scores
    group by model_version, score_date
),

reference_starts as (
    select
        scored_counts.model_version,
        min(
            case
                when scored_counts.scored_count >= drift_settings.min_accounts
                    then scored_counts.score_date
            end
        ) as reference_from
    from scored_counts
    cross join drift_settings
    group by scored_counts.model_version
),

reference_windows as (
    select
        reference_starts.model_version,
        reference_starts.reference_from,
        {{ add_days('reference_starts.reference_from', '7 * drift_settings.reference_weeks - 1') }}
            as reference_to
    from reference_starts
    cross join drift_settings
),

-- Until the window is over there is nothing to compare with, and all dates are current.
placed as (
    select
        scores.*,
        accounts.churned_on,
        accounts.as_of,
        case
            when reference_windows.reference_to <= accounts.as_of
                then reference_windows.reference_from
        end as reference_from,
        case
            when reference_windows.reference_to <= accounts.as_of
                then reference_windows.reference_to
        end as reference_to
    from scores
    inner join accounts
        on scores.account_id = accounts.account_id
    inner join reference_windows
        on scores.model_version = reference_windows.model_version
),

dated as (
    select
        placed.*,
        case
            when reference_to is null or score_date > reference_to
                then cast({{ dbt.date_trunc('month', 'score_date') }} as date)
        end as month
    from placed
    where coalesce(score_date >= reference_from, true)
),

account_dates as (
    select * from dated
    union all
    select
        account_id,
        score_date,
        model_version,
        'all' as segment,
        status,
        band,
        coverage,
        value,
        churned_on,
        as_of,
        reference_from,
        reference_to,
        month
    from dated
),

measured as (
    select
        model_version,
        segment,
        month,
        account_id,
        'score' as subject,
        cast(coverage as decimal(18, 6)) as coverage,
        value
    from account_dates
    where status in ('scored', 'too_little_data')
    union all
    select
        account_dates.model_version,
        account_dates.segment,
        account_dates.month,
        account_dates.account_id,
        metrics.metric as subject,
        cast(case when metrics.is_observed then 1 else 0 end as decimal(18, 6)) as coverage,
        case when metrics.is_observed then metrics.normalised_value end as value
    from account_dates
    inner join metrics
        on
            account_dates.account_id = metrics.account_id
            and account_dates.score_date = metrics.score_date
),

-- Month null is the reference window.
summed as (
    select
        model_version,
        segment,
        subject,
        month,
        count(*) as row_count,
        count(distinct account_id) as accounts,
        sum(coverage) as coverage_sum,
        count(value) as value_count,
        count(distinct case when value is not null then account_id end) as value_accounts,
        sum(value) as value_sum,
        sum(cast(cast(value as decimal(19, 6)) * value as decimal(28, 12))) as square_sum
    from measured
    group by model_version, segment, subject, month
),

compared as (
    select
        summed.*,
        {{ round_half_up('cast(summed.coverage_sum as double) / summed.row_count', 10) }}
            as coverage,
        {{ round_half_up(
            'cast(summed.value_sum as double) / nullif(summed.value_count, 0)', 10
        ) }} as value_mean,
        coalesce(reference.accounts, 0) as reference_accounts,
        coalesce(reference.value_accounts, 0) as reference_value_accounts,
        {{ round_half_up('cast(reference.coverage_sum as double) / reference.row_count', 10) }}
            as reference_coverage,
        {{ round_half_up(
            'cast(reference.value_sum as double) / nullif(reference.value_count, 0)', 10
        ) }} as reference_mean,
        cast(summed.value_sum as double) / nullif(summed.value_count, 0)
        - cast(reference.value_sum as double) / nullif(reference.value_count, 0)
            as mean_difference,
        -- n * sum(v^2) - sum(v)^2 is the variance times n^2, exact in decimals.
        sqrt(
            cast(
                cast(reference.value_count as decimal(9, 0))
                * cast(reference.square_sum as decimal(28, 12))
                - cast(reference.value_sum as decimal(19, 6))
                * cast(reference.value_sum as decimal(18, 6))
                as double
            )
        ) / nullif(reference.value_count, 0) as reference_deviation
    from summed
    left join summed as reference
        on
            reference.month is null
            {% for column in cell -%}
            and summed.{{ column }} = reference.{{ column }}
            {% endfor %}
    where summed.month is not null
),

bucketed as (
    select
        measured.model_version,
        measured.segment,
        measured.subject,
        measured.month,
        least(
            floor(measured.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        ) as bucket,
        count(*) as value_count
    from measured
    cross join drift_settings
    where measured.value is not null
    group by
        measured.model_version,
        measured.segment,
        measured.subject,
        measured.month,
        least(
            floor(measured.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        )
),

-- A bucket counts that either of the two windows fills.
seen_buckets as (
    select
        {{ cell | join(', ') }},
        month,
        bucket,
        value_count,
        0 as reference_count
    from bucketed
    where month is not null
    union all
    select
        reference.model_version,
        reference.segment,
        reference.subject,
        compared.month,
        reference.bucket,
        0 as value_count,
        reference.value_count as reference_count
    from bucketed as reference
    inner join compared
        on
            compared.value_count > 0
            {% for column in cell -%}
            and reference.{{ column }} = compared.{{ column }}
            {% endfor %}
    where reference.month is null
),

bucket_pairs as (
    select
        {{ cell | join(', ') }},
        month,
        bucket,
        sum(value_count) as value_count,
        sum(reference_count) as reference_count
    from seen_buckets
    group by {{ cell | join(', ') }}, month, bucket
),

bucket_totals as (
    select
        {{ cell | join(', ') }},
        month,
        count(*) as bucket_count,
        sum(value_count) as value_total,
        sum(reference_count) as reference_total
    from bucket_pairs
    group by {{ cell | join(', ') }}, month
),

bucket_shares as (
    select
        bucket_pairs.*,
        bucket_totals.bucket_count,
        (cast(bucket_pairs.value_count as double) + drift_settings.smoothing)
        / (bucket_totals.value_total + drift_settings.smoothing * bucket_totals.bucket_count)
            as share,
        (cast(bucket_pairs.reference_count as double) + drift_settings.smoothing)
        / (bucket_totals.reference_total + drift_settings.smoothing * bucket_totals.bucket_count)
            as reference_share
    from bucket_pairs
    inner join bucket_totals
        on
            bucket_pairs.month = bucket_totals.month
            {% for column in cell -%}
            and bucket_pairs.{{ column }} = bucket_totals.{{ column }}
            {% endfor %}
    cross join drift_settings
    where bucket_totals.value_total > 0 and bucket_totals.reference_total > 0
),

stability as (
    select
        {{ cell | join(', ') }},
        month,
        max(bucket_count) as bucket_count,
        sum({{ round_half_up('(share - reference_share) * ln(share / reference_share)', 12) }})
            as psi
    from bucket_shares
    group by {{ cell | join(', ') }}, month
),

status_counts as (
    select
        model_version,
        segment,
        month,
        count(*) as row_count,
        count(distinct account_id) as accounts,
        sum(case when status = 'too_early' then 1 else 0 end) as too_early,
        sum(case when status = 'too_little_data' then 1 else 0 end) as too_little_data
    from account_dates
    group by model_version, segment, month
),

-- An outcome counts once the whole horizon is over.
outcomes as (
    select
        account_dates.model_version,
        account_dates.segment,
        account_dates.month,
        account_dates.account_id,
        account_dates.band,
        coalesce(
            {{ days_between('account_dates.score_date', 'account_dates.churned_on') }}
            <= drift_settings.churn_horizon_days, false
        ) as churns
    from account_dates
    cross join drift_settings
    where
        account_dates.status = 'scored'
        and {{ days_between('account_dates.score_date', 'account_dates.as_of') }}
        >= drift_settings.churn_horizon_days
),

shares as (
    {% for status in ['too_early', 'too_little_data'] -%}
    select
        'status_share' as measure,
        '{{ status }}' as subject,
        model_version,
        segment,
        month,
        accounts,
        {{ round_half_up('cast(' ~ status ~ ' as double) / row_count', 10) }} as value
    from status_counts
    union all
    {% endfor -%}
    select
        'churn_rate' as measure,
        band as subject,
        model_version,
        segment,
        month,
        count(distinct account_id) as accounts,
        {{ round_half_up(
            'cast(sum(case when churns then 1 else 0 end) as double) / count(*)', 10
        ) }} as value
    from outcomes
    group by band, model_version, segment, month
),

measures as (
    select
        'psi' as measure,
        compared.subject,
        compared.model_version,
        compared.segment,
        compared.month,
        compared.value_accounts as accounts,
        compared.reference_value_accounts as reference_accounts,
        cast(null as decimal(18, 10)) as value,
        cast(null as decimal(18, 10)) as reference_value,
        {{ round_half_up('stability.psi', 10) }} as drift,
        (stability.bucket_count - 1) * (
            cast(1 as double) / nullif(compared.value_accounts, 0)
            + cast(1 as double) / nullif(compared.reference_value_accounts, 0)
        ) as noise
    from compared
    left join stability
        on
            compared.month = stability.month
            {% for column in cell -%}
            and compared.{{ column }} = stability.{{ column }}
            {% endfor %}
    union all
    select
        'mean_shift' as measure,
        subject,
        model_version,
        segment,
        month,
        value_accounts as accounts,
        reference_value_accounts as reference_accounts,
        value_mean as value,
        reference_mean as reference_value,
        {{ round_half_up('mean_difference / nullif(reference_deviation, 0)', 10) }} as drift,
        sqrt(
            cast(1 as double) / nullif(value_accounts, 0)
            + cast(1 as double) / nullif(reference_value_accounts, 0)
        ) as noise
    from compared
    union all
    select
        'coverage' as measure,
        subject,
        model_version,
        segment,
        month,
        accounts,
        reference_accounts,
        coverage as value,
        reference_coverage as reference_value,
        coverage - reference_coverage as drift,
        sqrt(
            cast(reference_coverage * (1 - reference_coverage) as double)
            * (cast(1 as double) / accounts + cast(1 as double) / nullif(reference_accounts, 0))
        ) as noise
    from compared
    union all
    select
        shares.measure,
        shares.subject,
        shares.model_version,
        shares.segment,
        shares.month,
        shares.accounts,
        coalesce(reference.accounts, 0) as reference_accounts,
        shares.value,
        reference.value as reference_value,
        shares.value - reference.value as drift,
        sqrt(
            cast(reference.value * (1 - reference.value) as double)
            * (cast(1 as double) / shares.accounts + cast(1 as double) / reference.accounts)
        ) as noise
    from shares
    left join shares as reference
        on
            shares.measure = reference.measure
            {% for column in cell -%}
            and shares.{{ column }} = reference.{{ column }}
            {% endfor %}
            and reference.month is null
    where shares.month is not null
),

finished_windows as (
    select distinct
        model_version,
        reference_from,
        reference_to
    from account_dates
),

judged as (
    select
        measures.model_version,
        measures.segment,
        measures.month,
        measures.measure,
        measures.subject,
        finished_windows.reference_from,
        finished_windows.reference_to,
        measures.reference_accounts,
        measures.accounts,
        measures.reference_value,
        measures.value,
        measures.drift,
        {{ round_half_up('drift_thresholds.noise_multiple * measures.noise', 10) }} as noise,
        drift_thresholds.warn_at,
        drift_thresholds.alert_at,
        drift_settings.min_accounts,
        case
            when finished_windows.reference_from is null then 'no_reference'
            when
                least(measures.accounts, measures.reference_accounts) < drift_settings.min_accounts
                then 'too_few_accounts'
            when measures.drift is null then 'no_spread'
            else 'compared'
        end as status
    from measures
    inner join drift_thresholds
        on measures.measure = drift_thresholds.measure
    inner join finished_windows
        on measures.model_version = finished_windows.model_version
    cross join drift_settings
),

levelled as (
    select
        judged.*,
        case
            when status <> 'compared' then null
            when abs(drift) >= alert_at and abs(drift) >= noise then 'alert'
            when abs(drift) >= warn_at and abs(drift) >= noise then 'warn'
            else 'ok'
        end as level
    from judged
),

drifts as (
    select
        model_version,
        segment,
        month,
        measure,
        subject,
        reference_from,
        reference_to,
        cast(reference_accounts as bigint) as reference_accounts,
        cast(accounts as bigint) as accounts,
        cast(reference_value as decimal(18, 10)) as reference_value,
        cast(value as decimal(18, 10)) as value,
        cast(drift as decimal(18, 10)) as drift,
        noise,
        status,
        level,
        subject || ' of ' || segment || ' in '
        || substr(cast(month as {{ dbt.type_string() }}), 1, 7) || ': '
        || case status
            when 'no_reference'
                then 'nothing to compare with, the reference window of ' || model_version
                    || ' is not over'
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
    from levelled
)

select * from drifts
