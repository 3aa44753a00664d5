-- AUC of a candidate less that of the live score on the observations that both have, with DeLong's
-- error of paired AUCs, accounts as clusters. One row per cohort of a candidate.
with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

paired_predictions as (
    select
        validation_cohorts.cohort_number,
        candidates.account_id,
        candidates.score_date,
        candidates.compared_stage,
        candidates.churned,
        candidates.predictor_value as candidate_value,
        scores.predictor_value as score_value
    from predictions as candidates
    inner join predictions as scores
        on
            candidates.basis = scores.basis
            and candidates.account_id = scores.account_id
            and candidates.score_date = scores.score_date
            and candidates.horizon_days = scores.horizon_days
            and scores.predictor = 'score'
    inner join validation_cohorts
        on
            candidates.predictor = validation_cohorts.predictor
            and candidates.basis = validation_cohorts.basis
            and candidates.model_version = validation_cohorts.model_version
            and candidates.segment = validation_cohorts.segment
            and candidates.horizon_days = validation_cohorts.horizon_days
            and candidates.split = validation_cohorts.split
            and candidates.is_treated = validation_cohorts.is_treated
    where candidates.predictor like 'candidate %'
),

side_predictions as (
    select paired_predictions.*, 1 as side, candidate_value as side_value from paired_predictions
    union all
    select paired_predictions.*, -1 as side, score_value as side_value from paired_predictions
),

-- A frame of range and not of rows, so that the running counts include ties.
predictions_with_counts as (
    select
        side_predictions.*,
        count(*) over (
            partition by cohort_number, score_date, compared_stage, side
        ) as observations,
        sum(churned) over (
            partition by cohort_number, score_date, compared_stage, side
        ) as churners,
        count(*) over (
            partition by cohort_number, score_date, compared_stage, side, side_value
        ) as tied,
        sum(churned) over (
            partition by cohort_number, score_date, compared_stage, side, side_value
        ) as tied_churners,
        count(*) over (
            partition by cohort_number, score_date, compared_stage, side
            order by side_value range between unbounded preceding and current row
        ) as up_to_here,
        sum(churned) over (
            partition by cohort_number, score_date, compared_stage, side
            order by side_value range between unbounded preceding and current row
        ) as churners_up_to_here
    from side_predictions
),

-- DeLong's placements within score date and stage, times two, as in int_validation_placements.
prediction_placements as (
    select
        cohort_number,
        account_id,
        side,
        case when churned = 1 then observations - churners else churners end as pairs,
        case
            when churned = 1
                then
                    2 * (observations - churners - up_to_here + churners_up_to_here)
                    + tied - tied_churners
            else 2 * churners_up_to_here - tied_churners
        end as placement
    from predictions_with_counts
),

account_sums as (
    select
        cohort_number,
        account_id,
        cast(sum(case when side = 1 then pairs else 0 end) as decimal(18, 0)) as pairs,
        cast(sum(side * placement) as decimal(18, 0)) as advantage
    from prediction_placements
    group by cohort_number, account_id
),

-- Each pair is counted twice, with its churner and with its retained account.
cohort_sums as (
    select
        cohort_number,
        {{ as_double('sum(case when pairs > 0 then 1 else 0 end)') }} as accounts,
        nullif({{ as_double('sum(pairs)') }} / 2, 0) as pairs,
        {{ as_double('sum(advantage)') }} / 4 as advantage,
        {{ as_double('sum(advantage * advantage)') }} / 4 as advantage_squared,
        {{ as_double('sum(advantage * pairs)') }} / 2 as advantage_pairs,
        {{ as_double('sum(pairs * pairs)') }} as pairs_squared
    from account_sums
    group by cohort_number
),

differences as (
    select
        cohort_number,
        advantage / pairs as auc_difference,
        sqrt(
            greatest(
                accounts / nullif(accounts - 1, 0) * (
                    advantage_squared - 2 * advantage / pairs * advantage_pairs
                    + advantage / pairs * (advantage / pairs) * pairs_squared
                ), 0
            )
        ) / pairs as auc_difference_error
    from cohort_sums
)

select * from differences
