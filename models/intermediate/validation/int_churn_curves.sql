with

predictors as (
    select * from {{ ref('int_health_predictors') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where status = 'scored' and track = 'live'
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

cells as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        prior_weight,
        fold,
        bin,
        count(*) as observations,
        sum(churned) as churners
    from predictors
    group by basis, horizon_days, model_version, predictor, prior_weight, fold, bin
),

folds as (
    select distinct
        basis,
        horizon_days,
        model_version,
        predictor,
        fold
    from cells
),

-- Fold 0 is nobody's: its curve has seen everybody and is the one in use. The curve of another fold
-- judges the accounts of that fold, none of which it has seen.
seen as (
    select
        cells.*,
        0 as left_out_fold
    from cells
    union all
    select
        cells.*,
        folds.fold as left_out_fold
    from cells
    inner join folds
        on
            cells.basis = folds.basis
            and cells.horizon_days = folds.horizon_days
            and cells.model_version = folds.model_version
            and cells.predictor = folds.predictor
            and cells.fold <> folds.fold
),

trained as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        prior_weight,
        left_out_fold,
        sum(observations) as observations,
        sum(churners) as churners
    from seen
    group by basis, horizon_days, model_version, predictor, prior_weight, left_out_fold
),

-- Half a churner more on either side, so that no probability is 0 or 1.
base_rates as (
    select
        trained.*,
        {{ as_double('churners + 0.5') }} / (observations + 1) as base_rate
    from trained
),

trained_bins as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        left_out_fold,
        bin,
        sum(observations) as observations,
        sum(churners) as churners
    from seen
    group by basis, horizon_days, model_version, predictor, left_out_fold, bin
),

used_bins as (
    select distinct
        basis,
        horizon_days,
        model_version,
        predictor,
        bin
    from predictors
    union distinct
    select distinct
        'restated' as basis,
        validation_horizons.horizon_days,
        scores.model_version,
        'score' as predictor,
        {{ score_bin('scores.score') }} as bin
    from scores
    cross join validation_horizons
),

-- Each bin counts the prior's observations at the base rate too, so that few say little.
bins as (
    select
        used_bins.*,
        base_rates.left_out_fold,
        base_rates.base_rate,
        base_rates.observations as training_observations,
        base_rates.churners as training_churners,
        coalesce(trained_bins.observations, 0) + base_rates.prior_weight as weight,
        coalesce(trained_bins.churners, 0) + base_rates.prior_weight * base_rates.base_rate
            as churn
    from used_bins
    inner join base_rates
        on
            used_bins.basis = base_rates.basis
            and used_bins.horizon_days = base_rates.horizon_days
            and used_bins.model_version = base_rates.model_version
            and used_bins.predictor = base_rates.predictor
    left join trained_bins
        on
            used_bins.basis = trained_bins.basis
            and used_bins.horizon_days = trained_bins.horizon_days
            and used_bins.model_version = trained_bins.model_version
            and used_bins.predictor = trained_bins.predictor
            and base_rates.left_out_fold = trained_bins.left_out_fold
            and used_bins.bin = trained_bins.bin
),

sums as (
    select
        bins.*,
        sum(weight) over (
            partition by basis, horizon_days, model_version, predictor, left_out_fold
            order by bin
            rows between unbounded preceding and current row
        ) as weight_so_far,
        sum(churn) over (
            partition by basis, horizon_days, model_version, predictor, left_out_fold
            order by bin
            rows between unbounded preceding and current row
        ) as churn_so_far
    from bins
),

-- Rates of all runs of bins, from the first to the last of a run.
runs as (
    select
        firsts.basis,
        firsts.horizon_days,
        firsts.model_version,
        firsts.predictor,
        firsts.left_out_fold,
        firsts.bin as first_bin,
        lasts.bin as last_bin,
        {{ round_half_up(
            '(lasts.churn_so_far - firsts.churn_so_far + firsts.churn)'
            ~ ' / (lasts.weight_so_far - firsts.weight_so_far + firsts.weight)', 12
        ) }} as rate
    from sums as firsts
    inner join sums as lasts
        on
            firsts.basis = lasts.basis
            and firsts.horizon_days = lasts.horizon_days
            and firsts.model_version = lasts.model_version
            and firsts.predictor = lasts.predictor
            and firsts.left_out_fold = lasts.left_out_fold
            and firsts.bin <= lasts.bin
),

-- Isotonic regression, falling in the score, by its min-max formula (Robertson, Wright and Dykstra
-- 1988): of the runs that begin at or before the bin, the least of the largest that reach it.
largest as (
    select
        bins.basis,
        bins.horizon_days,
        bins.model_version,
        bins.predictor,
        bins.left_out_fold,
        bins.bin,
        runs.first_bin,
        max(runs.rate) as rate
    from bins
    inner join runs
        on
            bins.basis = runs.basis
            and bins.horizon_days = runs.horizon_days
            and bins.model_version = runs.model_version
            and bins.predictor = runs.predictor
            and bins.left_out_fold = runs.left_out_fold
            and bins.bin between runs.first_bin and runs.last_bin
    group by
        bins.basis, bins.horizon_days, bins.model_version, bins.predictor,
        bins.left_out_fold, bins.bin, runs.first_bin
),

fitted as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        left_out_fold,
        bin,
        min(rate) as churn_probability
    from largest
    group by basis, horizon_days, model_version, predictor, left_out_fold, bin
),

-- Bins that share a probability are one block, and its interval rests on all of it.
blocks as (
    select
        bins.*,
        fitted.churn_probability,
        sum(bins.weight) over (
            partition by
                bins.basis, bins.horizon_days, bins.model_version, bins.predictor,
                bins.left_out_fold, fitted.churn_probability
        ) as block_weight
    from bins
    inner join fitted
        on
            bins.basis = fitted.basis
            and bins.horizon_days = fitted.horizon_days
            and bins.model_version = fitted.model_version
            and bins.predictor = fitted.predictor
            and bins.left_out_fold = fitted.left_out_fold
            and bins.bin = fitted.bin
),

curves as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        left_out_fold,
        bin,
        cast(training_observations as bigint) as training_observations,
        cast(training_churners as bigint) as training_churners,
        {{ round_half_up('base_rate', 12) }} as base_rate,
        churn_probability,
        {{ round_half_up(
            wilson_bound('churn_probability * block_weight', 'block_weight', '-'), 12
        ) }} as probability_lower,
        {{ round_half_up(
            wilson_bound('churn_probability * block_weight', 'block_weight', '+'), 12
        ) }} as probability_upper
    from blocks
)

select * from curves
