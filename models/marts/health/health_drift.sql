{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

with

scores as (
    select
        account_id,
        score_date,
        model_version,
        segment,
        stage,
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

predictions as (
    select
        account_id,
        model_version,
        segment,
        cast(horizon_days as {{ dbt.type_string() }}) || ' days' as subject,
        score_date,
        split,
        churned,
        cast(churn_probability as decimal(18, 12)) as probability,
        cast({{ dbt.date_trunc('month', 'score_date') }} as date) as score_month
    from {{ ref('int_health_predictions') }}
    where predictor = 'score' and basis = 'restated' and churn_probability is not null
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
        stage,
        score_date,
        sum(case when status = 'scored' then 1 else 0 end) as scored_count
    from scores
    group by model_version, stage, score_date
),

reference_starts as (
    select
        scored_counts.model_version,
        scored_counts.stage,
        min(
            case
                when scored_counts.scored_count >= drift_settings.min_accounts
                    then scored_counts.score_date
            end
        ) as reference_from
    from scored_counts
    cross join drift_settings
    group by scored_counts.model_version, scored_counts.stage
),

reference_windows as (
    select
        reference_starts.model_version,
        reference_starts.stage,
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
        on
            scores.model_version = reference_windows.model_version
            and scores.stage = reference_windows.stage
),

account_dates as (
    select
        placed.*,
        case
            when reference_to is null or score_date > reference_to
                then cast({{ dbt.date_trunc('month', 'score_date') }} as date)
        end as month
    from placed
    where coalesce(score_date >= reference_from, true)
),

measured as (
    select
        model_version,
        segment,
        stage,
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
        account_dates.stage,
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

-- Month null is the reference window. An account has one segment, so all together are the sum of
-- the segments.
segment_sums as (
    select
        model_version,
        segment,
        stage,
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
    group by model_version, segment, stage, subject, month
),

summed as (
    select * from segment_sums
    union all
    select
        model_version,
        'all' as segment,
        stage,
        subject,
        month,
        sum(row_count) as row_count,
        sum(accounts) as accounts,
        sum(coverage_sum) as coverage_sum,
        sum(value_count) as value_count,
        sum(value_accounts) as value_accounts,
        sum(value_sum) as value_sum,
        sum(square_sum) as square_sum
    from segment_sums
    group by model_version, stage, subject, month
),

compared as (
    select
        summed.*,
        {{ round_half_up(as_double('summed.coverage_sum') ~ ' / summed.row_count', 10) }}
            as coverage,
        {{ round_half_up(
            as_double('summed.value_sum') ~ ' / nullif(summed.value_count, 0)', 10
        ) }} as value_mean,
        coalesce(reference.accounts, 0) as reference_accounts,
        coalesce(reference.value_accounts, 0) as reference_value_accounts,
        {{ round_half_up(as_double('reference.coverage_sum') ~ ' / reference.row_count', 10) }}
            as reference_coverage,
        {{ round_half_up(
            as_double('reference.value_sum') ~ ' / nullif(reference.value_count, 0)', 10
        ) }} as reference_mean,
        {{ as_double('summed.value_sum') }} / nullif(summed.value_count, 0)
        - {{ as_double('reference.value_sum') }} / nullif(reference.value_count, 0)
            as mean_difference,
        -- n * sum(v^2) - sum(v)^2 is the variance times n^2, exact in decimals.
        sqrt(
            {{ as_double(
                'cast(reference.value_count as decimal(9, 0))'
                ~ ' * cast(reference.square_sum as decimal(28, 12))'
                ~ ' - cast(reference.value_sum as decimal(19, 6))'
                ~ ' * cast(reference.value_sum as decimal(18, 6))'
            ) }}
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

segment_buckets as (
    select
        measured.model_version,
        measured.segment,
        measured.stage,
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
        measured.stage,
        measured.subject,
        measured.month,
        least(
            floor(measured.value * drift_settings.bucket_count), drift_settings.bucket_count - 1
        )
),

bucketed as (
    select * from segment_buckets
    union all
    select
        model_version,
        'all' as segment,
        stage,
        subject,
        month,
        bucket,
        sum(value_count) as value_count
    from segment_buckets
    group by model_version, stage, subject, month, bucket
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
        reference.stage,
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
        ({{ as_double('bucket_pairs.value_count') }} + drift_settings.smoothing)
        / (bucket_totals.value_total + drift_settings.smoothing * bucket_totals.bucket_count)
            as share,
        ({{ as_double('bucket_pairs.reference_count') }} + drift_settings.smoothing)
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

-- An outcome counts once the whole horizon is over.
outcomes as (
    select
        account_dates.model_version,
        account_dates.segment,
        account_dates.stage,
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

segment_counts as (
    {% for status in ['too_early', 'too_little_data'] -%}
    select
        'status_share' as measure,
        '{{ status }}' as subject,
        model_version,
        segment,
        stage,
        month,
        count(*) as row_count,
        count(distinct account_id) as accounts,
        sum(case when status = '{{ status }}' then 1 else 0 end) as hits
    from account_dates
    group by model_version, segment, stage, month
    union all
    {% endfor -%}
    select
        'churn_rate' as measure,
        band as subject,
        model_version,
        segment,
        stage,
        month,
        count(*) as row_count,
        count(distinct account_id) as accounts,
        sum(case when churns then 1 else 0 end) as hits
    from outcomes
    group by band, model_version, segment, stage, month
),

counts as (
    select * from segment_counts
    union all
    select
        measure,
        subject,
        model_version,
        'all' as segment,
        stage,
        month,
        sum(row_count) as row_count,
        sum(accounts) as accounts,
        sum(hits) as hits
    from segment_counts
    group by measure, subject, model_version, stage, month
),

shares as (
    select
        counts.*,
        {{ round_half_up(as_double('hits') ~ ' / row_count', 10) }} as value
    from counts
),

-- Probabilities were fitted on the training split, so other accounts and later months are compared
-- with that.
predicted as (
    select
        subject,
        model_version,
        segment,
        case when split <> 'train' then score_month end as month,
        score_date,
        account_id,
        churned,
        probability
    from predictions
    union all
    select
        subject,
        model_version,
        'all' as segment,
        case when split <> 'train' then score_month end as month,
        score_date,
        account_id,
        churned,
        probability
    from predictions
),

gaps as (
    select
        subject,
        model_version,
        segment,
        month,
        min(score_date) as first_date,
        max(score_date) as last_date,
        count(distinct account_id) as accounts,
        {{ round_half_up(as_double('sum(churned - probability)') ~ ' / count(*)', 10) }} as value,
        sqrt(
            {{ as_double('sum(cast(probability * (1 - probability) as decimal(28, 24)))') }}
        ) / count(*) as error
    from predicted
    group by subject, model_version, segment, month
),

measures as (
    select
        'psi' as measure,
        compared.subject,
        compared.model_version,
        compared.segment,
        compared.stage,
        compared.month,
        compared.value_accounts as accounts,
        compared.reference_value_accounts as reference_accounts,
        cast(null as decimal(18, 10)) as value,
        cast(null as decimal(18, 10)) as reference_value,
        {{ round_half_up('stability.psi', 10) }} as drift,
        (stability.bucket_count - 1) * (
            {{ as_double('1') }} / nullif(compared.value_accounts, 0)
            + {{ as_double('1') }} / nullif(compared.reference_value_accounts, 0)
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
        stage,
        month,
        value_accounts as accounts,
        reference_value_accounts as reference_accounts,
        value_mean as value,
        reference_mean as reference_value,
        {{ round_half_up('mean_difference / nullif(reference_deviation, 0)', 10) }} as drift,
        sqrt(
            {{ as_double('1') }} / nullif(value_accounts, 0)
            + {{ as_double('1') }} / nullif(reference_value_accounts, 0)
        ) as noise
    from compared
    union all
    select
        'coverage' as measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        accounts,
        reference_accounts,
        coverage as value,
        reference_coverage as reference_value,
        coverage - reference_coverage as drift,
        sqrt(
            {{ as_double('reference_coverage * (1 - reference_coverage)') }}
            * (
                {{ as_double('1') }} / accounts
                + {{ as_double('1') }} / nullif(reference_accounts, 0)
            )
        ) as noise
    from compared
    union all
    select
        shares.measure,
        shares.subject,
        shares.model_version,
        shares.segment,
        shares.stage,
        shares.month,
        shares.accounts,
        coalesce(reference.accounts, 0) as reference_accounts,
        shares.value,
        reference.value as reference_value,
        shares.value - reference.value as drift,
        sqrt(
            {{ as_double('reference.value * (1 - reference.value)') }}
            * ({{ as_double('1') }} / shares.accounts + {{ as_double('1') }} / reference.accounts)
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
    union all
    select
        'calibration' as measure,
        gaps.subject,
        gaps.model_version,
        gaps.segment,
        'all' as stage,
        gaps.month,
        gaps.accounts,
        coalesce(reference.accounts, 0) as reference_accounts,
        gaps.value,
        reference.value as reference_value,
        gaps.value - reference.value as drift,
        sqrt(gaps.error * gaps.error + reference.error * reference.error) as noise
    from gaps
    left join gaps as reference
        on
            gaps.subject = reference.subject
            and gaps.model_version = reference.model_version
            and gaps.segment = reference.segment
            and reference.month is null
    where gaps.month is not null
),

finished_windows as (
    select distinct
        model_version,
        stage,
        reference_from,
        reference_to
    from account_dates
),

compared_windows as (
    select
        measures.*,
        coalesce(reference_windows.reference_from, training.first_date) as reference_from,
        coalesce(reference_windows.reference_to, training.last_date) as reference_to
    from measures
    left join finished_windows as reference_windows
        on
            measures.model_version = reference_windows.model_version
            and measures.stage = reference_windows.stage
    left join gaps as training
        on
            measures.measure = 'calibration'
            and measures.subject = training.subject
            and measures.model_version = training.model_version
            and training.segment = 'all'
            and training.month is null
),

judged as (
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
    from compared_windows as measures
    inner join drift_thresholds
        on measures.measure = drift_thresholds.measure
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
        stage,
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
        subject || ' of ' || segment
        || case when stage = 'all' then '' else ', ' || stage || ',' end || ' in '
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
    from levelled
)

select * from drifts
