-- Churn probabilities by bin of a predictor: isotonic regression with Wilson's interval,
-- cross-fitted over folds of accounts. One row per basis, horizon, model version, predictor,
-- left-out fold and bin.
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

-- Fold 0 leaves nobody out: its curve is trained on all accounts and is the one in use. The curve
-- of another fold is trained on all accounts but those of that fold, and predicts only them.
training_cells as (
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

training_totals as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        prior_weight,
        left_out_fold,
        sum(observations) as observations,
        sum(churners) as churners
    from training_cells
    group by basis, horizon_days, model_version, predictor, prior_weight, left_out_fold
),

-- Half a churner and half a retained account are added, so that no probability is 0 or 1.
base_rates as (
    select
        training_totals.*,
        {{ as_double('churners + 0.5') }} / (observations + 1) as base_rate
    from training_totals
),

training_bins as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        left_out_fold,
        bin,
        sum(observations) as observations,
        sum(churners) as churners
    from training_cells
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

-- Each bin also counts `prior_weight` observations at the base rate, so that a bin with few
-- observations stays near it.
bins as (
    select
        used_bins.*,
        base_rates.left_out_fold,
        base_rates.base_rate,
        base_rates.observations as training_observations,
        base_rates.churners as training_churners,
        coalesce(training_bins.observations, 0) + base_rates.prior_weight as weight,
        coalesce(training_bins.churners, 0) + base_rates.prior_weight * base_rates.base_rate
            as churn
    from used_bins
    inner join base_rates
        on
            used_bins.basis = base_rates.basis
            and used_bins.horizon_days = base_rates.horizon_days
            and used_bins.model_version = base_rates.model_version
            and used_bins.predictor = base_rates.predictor
    left join training_bins
        on
            used_bins.basis = training_bins.basis
            and used_bins.horizon_days = training_bins.horizon_days
            and used_bins.model_version = training_bins.model_version
            and used_bins.predictor = training_bins.predictor
            and base_rates.left_out_fold = training_bins.left_out_fold
            and used_bins.bin = training_bins.bin
),

bins_with_running_sums as (
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

-- Churn rates of all runs of consecutive bins, from differences of running sums.
bin_runs as (
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
    from bins_with_running_sums as firsts
    inner join bins_with_running_sums as lasts
        on
            firsts.basis = lasts.basis
            and firsts.horizon_days = lasts.horizon_days
            and firsts.model_version = lasts.model_version
            and firsts.predictor = lasts.predictor
            and firsts.left_out_fold = lasts.left_out_fold
            and firsts.bin <= lasts.bin
),

-- Isotonic regression, never higher in a higher bin, by its min-max formula (Robertson, Wright and
-- Dykstra 1988): the least, over the first bins of the runs that hold the bin, of the largest rate
-- over their last bins.
largest_rates as (
    select
        bins.basis,
        bins.horizon_days,
        bins.model_version,
        bins.predictor,
        bins.left_out_fold,
        bins.bin,
        bin_runs.first_bin,
        max(bin_runs.rate) as rate
    from bins
    inner join bin_runs
        on
            bins.basis = bin_runs.basis
            and bins.horizon_days = bin_runs.horizon_days
            and bins.model_version = bin_runs.model_version
            and bins.predictor = bin_runs.predictor
            and bins.left_out_fold = bin_runs.left_out_fold
            and bins.bin between bin_runs.first_bin and bin_runs.last_bin
    group by
        bins.basis, bins.horizon_days, bins.model_version, bins.predictor,
        bins.left_out_fold, bins.bin, bin_runs.first_bin
),

fitted_bins as (
    select
        basis,
        horizon_days,
        model_version,
        predictor,
        left_out_fold,
        bin,
        min(rate) as churn_probability
    from largest_rates
    group by basis, horizon_days, model_version, predictor, left_out_fold, bin
),

-- Bins with the same probability are one block, and its interval rests on all of it.
blocks as (
    select
        bins.*,
        fitted_bins.churn_probability,
        sum(bins.weight) over (
            partition by
                bins.basis, bins.horizon_days, bins.model_version, bins.predictor,
                bins.left_out_fold, fitted_bins.churn_probability
        ) as block_weight
    from bins
    inner join fitted_bins
        on
            bins.basis = fitted_bins.basis
            and bins.horizon_days = fitted_bins.horizon_days
            and bins.model_version = fitted_bins.model_version
            and bins.predictor = fitted_bins.predictor
            and bins.left_out_fold = fitted_bins.left_out_fold
            and bins.bin = fitted_bins.bin
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
