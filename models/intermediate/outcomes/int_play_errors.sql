-- Standard errors of the mean paired differences, clustered by treated account and by control. One
-- row per play and segment, and `all` of either, with compared pairs.
with

scopes as (
    select * from {{ ref('int_play_scopes') }}
),

pairs as (
    select * from {{ ref('int_play_pairs') }}
    where comparison = 'compared'
),

differences as (
    select
        scopes.scope,
        scopes.segment_scope,
        pairs.account_id,
        pairs.control_account_id,
        pairs.converted - pairs.control_converted as green,
        pairs.control_churned - pairs.churned as churn
    from pairs
    inner join scopes
        on
            pairs.play_id = scopes.play_id
            and pairs.segment = scopes.segment
),

pair_differences as (
    select
        'green' as measure,
        scope,
        segment_scope,
        account_id,
        control_account_id,
        green as difference
    from differences
    where green is not null
    union all
    select
        'churn' as measure,
        scope,
        segment_scope,
        account_id,
        control_account_id,
        churn as difference
    from differences
),

-- Pairs share accounts on either side, so errors are clustered two ways: squares by account and by
-- control, less those by both (Cameron, Gelbach and Miller 2011).
clusters as (
    select
        measure,
        scope,
        segment_scope,
        'account' as kind,
        sum(difference) as total,
        count(*) as pairs
    from pair_differences
    group by measure, scope, segment_scope, account_id
    union all
    select
        measure,
        scope,
        segment_scope,
        'control' as kind,
        sum(difference) as total,
        count(*) as pairs
    from pair_differences
    group by measure, scope, segment_scope, control_account_id
    union all
    select
        measure,
        scope,
        segment_scope,
        'both' as kind,
        sum(difference) as total,
        count(*) as pairs
    from pair_differences
    group by measure, scope, segment_scope, account_id, control_account_id
),

sums as (
    select
        measure,
        scope,
        segment_scope,
        kind,
        {{ as_double('sum(total)') }} as total,
        {{ as_double('sum(pairs)') }} as pairs,
        {{ as_double('sum(total * total)') }} as total_squared,
        {{ as_double('sum(total * pairs)') }} as total_pairs,
        {{ as_double('sum(pairs * pairs)') }} as pairs_squared
    from clusters
    group by measure, scope, segment_scope, kind
),

squares as (
    select
        measure,
        scope,
        segment_scope,
        kind,
        (
            total_squared - 2 * total / pairs * total_pairs
            + total / pairs * (total / pairs) * pairs_squared
        ) / (pairs * pairs) as squared
    from sums
),

variances as (
    select
        measure,
        scope,
        segment_scope,
        sum(case when kind = 'both' then -squared else squared end) as variance,
        sum(case when kind = 'both' then squared end) as variance_of_pairs
    from squares
    group by measure, scope, segment_scope
),

errors as (
    select
        scope as play_id,
        segment_scope as segment,
        {% for measure in ['green', 'churn'] -%}
        sqrt(
            max(
                case
                    when measure = '{{ measure }}'
                        then greatest(variance, variance_of_pairs, 0)
                end
            )
        ) as {{ measure }}_error,
        {% endfor -%}
        count(*) as measures
    from variances
    group by scope, segment_scope
)

select * from errors
