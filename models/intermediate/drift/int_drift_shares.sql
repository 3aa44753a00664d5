{%- set cell = ['model_version', 'segment', 'stage', 'subject'] -%}

with

account_dates as (
    select * from {{ ref('int_drift_account_dates') }}
),

flagged as (
    {% for status in ['too_early', 'too_little_data'] -%}
    select
        account_dates.*,
        'status_share' as measure,
        '{{ status }}' as subject,
        case when status = '{{ status }}' then 1 else 0 end as hit
    from account_dates
    union all
    {% endfor -%}
    select
        account_dates.*,
        'churn_rate' as measure,
        band as subject,
        case when churns then 1 else 0 end as hit
    from account_dates
    where churns is not null
),

segment_counts as (
    select
        measure,
        subject,
        model_version,
        segment,
        stage,
        month,
        count(*) as row_count,
        count(distinct account_id) as accounts,
        sum(hit) as hits
    from flagged
    group by measure, subject, model_version, segment, stage, month
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

compared as (
    select
        shares.measure,
        shares.subject,
        shares.model_version,
        shares.segment,
        shares.stage,
        shares.month,
        cast(shares.accounts as bigint) as accounts,
        cast(coalesce(reference.accounts, 0) as bigint) as reference_accounts,
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
)

select * from compared
