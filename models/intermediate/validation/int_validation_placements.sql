with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

cells as (
    select distinct
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        is_treated,
        predictor,
        cell_number
    from validation_cohorts
),

-- A row stands in up to eight cohorts: what can be summed is summed before it is spread.
numbered as (
    select
        cells.cell_number,
        predictions.account_id,
        predictions.predictor_value,
        predictions.churned
    from predictions
    inner join cells
        on
            predictions.predictor = cells.predictor
            and predictions.basis = cells.basis
            and predictions.model_version = cells.model_version
            and predictions.segment = cells.segment
            and predictions.horizon_days = cells.horizon_days
            and predictions.split = cells.split
            and predictions.is_treated = cells.is_treated
),

cell_values as (
    select
        cell_number,
        predictor_value,
        count(*) as tied,
        sum(churned) as tied_churners
    from numbered
    group by cell_number, predictor_value
),

spread_values as (
    select
        validation_cohorts.cohort_number,
        validation_cohorts.horizon_days,
        cell_values.cell_number,
        cell_values.predictor_value,
        cell_values.tied,
        cell_values.tied_churners
    from cell_values
    inner join validation_cohorts
        on cell_values.cell_number = validation_cohorts.cell_number
),

cohort_values as (
    select
        cohort_number,
        horizon_days,
        predictor_value,
        cast(sum(tied) as bigint) as tied,
        cast(sum(tied_churners) as bigint) as tied_churners
    from spread_values
    group by cohort_number, horizon_days, predictor_value
),

cohort_sizes as (
    select
        cohort_number,
        cast(sum(tied) as bigint) as observations,
        cast(sum(tied_churners) as bigint) as churners
    from cohort_values
    group by cohort_number
),

-- Whole numbers are exact as doubles too, and faster to sum.
running as (
    select
        cohort_values.*,
        cast(sum({{ as_double('tied') }}) over (
            partition by cohort_number order by predictor_value
            rows between unbounded preceding and current row
        ) as bigint) as up_to_here,
        cast(sum({{ as_double('tied_churners') }}) over (
            partition by cohort_number order by predictor_value
            rows between unbounded preceding and current row
        ) as bigint) as churners_up_to_here
    from cohort_values
),

-- Twice the number of the other kind that an observation is rightly placed before or behind; a
-- tie counts half. Whole numbers, so their sums and squares are exact.
placed as (
    select
        running.*,
        cohort_sizes.observations,
        cohort_sizes.churners,
        2 * (
            cohort_sizes.observations - cohort_sizes.churners - running.up_to_here
            + running.churners_up_to_here
        ) + running.tied - running.tied_churners as churner_placement,
        2 * running.churners_up_to_here - running.tied_churners as retained_placement,
        cast(ceil(validation_horizons.worst_share * cohort_sizes.observations) as bigint)
            as worst_observations
    from running
    inner join cohort_sizes
        on running.cohort_number = cohort_sizes.cohort_number
    inner join validation_horizons
        on running.horizon_days = validation_horizons.horizon_days
),

value_terms as (
    select
        placed.*,
        {{ round_half_up(
            'tied_churners * greatest(least(up_to_here, worst_observations) - up_to_here + tied, 0)'
            ~ ' / ' ~ as_double('tied'), 12
        ) }} as worst_churned,
        abs(
            {{ as_double('churners_up_to_here') }} / nullif(churners, 0)
            - {{ as_double('up_to_here - churners_up_to_here') }}
            / nullif(observations - churners, 0)
        ) as separation
    from placed
),

value_totals as (
    select
        cohort_number,
        observations,
        churners,
        worst_observations,
        {{ as_double('sum(worst_churned)') }} as worst_churners,
        max(separation) as ks
    from value_terms
    group by cohort_number, observations, churners, worst_observations
),

value_placements as (
    select
        spread_values.cohort_number,
        spread_values.cell_number,
        spread_values.predictor_value,
        placed.churner_placement,
        placed.retained_placement
    from spread_values
    inner join placed
        on
            spread_values.cohort_number = placed.cohort_number
            and spread_values.predictor_value = placed.predictor_value
),

-- Observations of one account are not independent, so its placements are summed first.
account_placements as (
    select
        value_placements.cohort_number,
        numbered.account_id,
        cast(sum(numbered.churned) as decimal(18, 0)) as churners,
        cast(count(*) - sum(numbered.churned) as decimal(18, 0)) as retained,
        cast(
            sum({{ as_double('numbered.churned * value_placements.churner_placement') }})
            as decimal(18, 0)
        ) as churner_placement,
        cast(
            sum({{ as_double('(1 - numbered.churned) * value_placements.retained_placement') }})
            as decimal(18, 0)
        ) as retained_placement
    from numbered
    inner join value_placements
        on
            numbered.cell_number = value_placements.cell_number
            and numbered.predictor_value = value_placements.predictor_value
    group by value_placements.cohort_number, numbered.account_id
),

account_sums as (
    select
        cohort_number,
        {{ as_double('count(*)') }} as accounts,
        {{ as_double('sum(case when churners > 0 then 1 else 0 end)') }} as churner_accounts,
        {{ as_double('sum(case when retained > 0 then 1 else 0 end)') }} as retained_accounts,
        nullif({{ as_double('sum(churners)') }}, 0) as churners,
        nullif({{ as_double('sum(retained)') }}, 0) as retained,
        {{ as_double('sum(churner_placement)') }} as placement,
        {{ as_double('sum(churners * churners)') }} as churners_squared,
        {{ as_double('sum(retained * retained)') }} as retained_squared,
        {{ as_double('sum(churners * retained)') }} as churners_retained,
        {{ as_double('sum(churner_placement * churner_placement)') }} as churner_placement_squared,
        {{ as_double('sum(retained_placement * retained_placement)') }}
            as retained_placement_squared,
        {{ as_double('sum(churner_placement * retained_placement)') }} as both_placements,
        {{ as_double('sum(churner_placement * churners)') }} as churner_placement_churners,
        {{ as_double('sum(retained_placement * retained)') }} as retained_placement_retained,
        {{ as_double('sum(churner_placement * retained)') }} as churner_placement_retained,
        {{ as_double('sum(retained_placement * churners)') }} as retained_placement_churners
    from account_placements
    group by cohort_number
),

placements as (
    select
        account_sums.*,
        value_totals.observations,
        value_totals.churners as churner_count,
        value_totals.worst_observations,
        value_totals.worst_churners,
        value_totals.ks
    from value_totals
    inner join account_sums
        on value_totals.cohort_number = account_sums.cohort_number
)

select * from placements
