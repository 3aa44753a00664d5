-- Lift of each bucket of the book from the worst scores to the best; a tie over an edge is split
-- between the buckets. One row per validation cohort and bucket.
with

members as (
    select * from {{ ref('int_validation_members') }}
),

lift_targets as (
    select * from {{ ref('lift_targets') }}
),

bucket_counts as (
    select count(*) as buckets from lift_targets
),

scores as (
    select
        cohort_key,
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        score_date,
        compared_stage,
        predictor_value as score,
        count(*) as tied,
        sum(churned) as tied_churners
    from members
    group by
        cohort_key, basis, model_version, segment, horizon_days, split, population,
        predictor, score_date, compared_stage, predictor_value
),

-- Running sums give the last position of every score within its date and stage.
score_positions as (
    select
        scores.*,
        sum(tied) over (
            partition by cohort_key, score_date, compared_stage order by score
        ) as up_to_here,
        sum(tied) over (partition by cohort_key, score_date, compared_stage) as group_size,
        sum(tied) over (partition by cohort_key) as observations,
        sum(tied_churners) over (partition by cohort_key) as churners
    from scores
),

positions_by_bucket as (
    select
        score_positions.*,
        lift_targets.bucket,
        lift_targets.published_lift,
        bucket_counts.buckets
    from score_positions
    cross join lift_targets
    cross join bucket_counts
),

-- Positions are multiplied by the number of buckets, so that the edges are whole numbers.
bucket_shares as (
    select
        positions_by_bucket.*,
        {{ round_half_up(
            as_double(
                'greatest('
                ~ '    least(buckets * up_to_here, bucket * group_size)'
                ~ '    - greatest(buckets * (up_to_here - tied), (bucket - 1) * group_size), 0'
                ~ ')'
            ) ~ ' / (buckets * tied)', 12
        ) }} as share_inside
    from positions_by_bucket
),

buckets as (
    select
        cohort_key,
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        bucket,
        published_lift,
        observations,
        churners,
        min(score) as lowest_score,
        max(score) as highest_score,
        sum(cast(tied as decimal(18, 0)) * share_inside) as bucket_observations,
        sum(cast(tied_churners as decimal(18, 0)) * share_inside) as bucket_churners
    from bucket_shares
    where share_inside > 0
    group by
        cohort_key, basis, model_version, segment, horizon_days, split, population,
        predictor, bucket, published_lift, observations, churners
),

buckets_with_running_sums as (
    select
        buckets.*,
        sum(bucket_churners) over (
            partition by cohort_key order by bucket
        ) as churners_so_far
    from buckets
),

bucket_lifts as (
    select
        buckets_with_running_sums.*,
        {{ round_half_up(
            as_double('bucket_churners') ~ ' / ' ~ as_double('bucket_observations')
            ~ ' * observations / nullif(churners, 0)', 8
        ) }} as lift
    from buckets_with_running_sums
),

-- Above the base rate a target is a floor, below it a ceiling.
lift as (
    select
        cohort_key,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        basis,
        bucket,
        cast(lowest_score as decimal(9, 2)) as lowest_score,
        cast(highest_score as decimal(9, 2)) as highest_score,
        {{ round_half_up('bucket_observations', 6) }} as observations,
        {{ round_half_up('bucket_churners', 6) }} as churners,
        {{ round_half_up(
            as_double('bucket_churners') ~ ' / ' ~ as_double('bucket_observations'), 10
        ) }} as churn_rate,
        lift,
        {{ round_half_up(as_double('churners_so_far') ~ ' / nullif(churners, 0)', 10) }}
            as captured_share,
        published_lift,
        case
            when published_lift >= 1 then lift >= published_lift
            else lift <= published_lift
        end as meets_target
    from bucket_lifts
)

select * from lift
