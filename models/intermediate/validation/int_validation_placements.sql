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

-- A row stands in up to eight cohorts: what can be summed is summed before it is spread. Accounts
-- are compared with those of their own score date and stage: a group.
numbered as (
    select
        cells.cell_number,
        predictions.account_id,
        predictions.score_date,
        predictions.compared_stage,
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
        score_date,
        compared_stage,
        predictor_value,
        count(*) as tied,
        sum(churned) as tied_churners
    from numbered
    group by cell_number, score_date, compared_stage, predictor_value
),

spread_values as (
    select
        validation_cohorts.cohort_number,
        validation_cohorts.horizon_days,
        cell_values.cell_number,
        cell_values.score_date,
        cell_values.compared_stage,
        cell_values.predictor_value,
        cell_values.tied,
        cell_values.tied_churners
    from cell_values
    inner join validation_cohorts
        on cell_values.cell_number = validation_cohorts.cell_number
),

group_values as (
    select
        cohort_number,
        horizon_days,
        score_date,
        compared_stage,
        predictor_value,
        cast(sum(tied) as bigint) as tied,
        cast(sum(tied_churners) as bigint) as tied_churners
    from spread_values
    group by cohort_number, horizon_days, score_date, compared_stage, predictor_value
),

group_sizes as (
    select
        cohort_number,
        score_date,
        compared_stage,
        cast(sum(tied) as bigint) as observations,
        cast(sum(tied_churners) as bigint) as churners
    from group_values
    group by cohort_number, score_date, compared_stage
),

-- Whole numbers are exact as doubles too, and faster to sum.
running as (
    select
        group_values.*,
        cast(sum({{ as_double('tied') }}) over (
            partition by cohort_number, score_date, compared_stage order by predictor_value
            rows between unbounded preceding and current row
        ) as bigint) as up_to_here,
        cast(sum({{ as_double('tied_churners') }}) over (
            partition by cohort_number, score_date, compared_stage order by predictor_value
            rows between unbounded preceding and current row
        ) as bigint) as churners_up_to_here
    from group_values
),

-- Twice the number of the other kind that an observation is rightly placed before or behind; a
-- tie counts half. Whole numbers, so their sums and squares are exact.
placed as (
    select
        running.*,
        group_sizes.observations,
        group_sizes.churners,
        group_sizes.observations - group_sizes.churners as retained,
        2 * (
            group_sizes.observations - group_sizes.churners - running.up_to_here
            + running.churners_up_to_here
        ) + running.tied - running.tied_churners as churner_placement,
        2 * running.churners_up_to_here - running.tied_churners as retained_placement,
        validation_horizons.worst_share
    from running
    inner join group_sizes
        on
            running.cohort_number = group_sizes.cohort_number
            and running.score_date = group_sizes.score_date
            and running.compared_stage = group_sizes.compared_stage
    inner join validation_horizons
        on running.horizon_days = validation_horizons.horizon_days
),

-- A value separates by the pairs of its churners less those of its others: within a group this is
-- the difference of the two distributions, and groups weigh as many pairs as they have.
value_terms as (
    select
        placed.*,
        {{ round_half_up(
            'tied_churners * '
            ~ 'greatest(least(worst_share * observations - up_to_here + tied, tied), 0)'
            ~ ' / ' ~ as_double('tied'), 12
        ) }} as worst_churned,
        cast(
            tied_churners * retained - (tied - tied_churners) * churners as bigint
        ) as pair_difference
    from placed
),

value_totals as (
    select
        cohort_number,
        predictor_value,
        sum(tied) as tied,
        sum(tied_churners) as tied_churners,
        sum(worst_share * tied) as worst_observations,
        sum(worst_churned) as worst_churners,
        sum(pair_difference) as pair_difference
    from value_terms
    group by cohort_number, predictor_value
),

separations as (
    select
        value_totals.*,
        abs(sum({{ as_double('pair_difference') }}) over (
            partition by cohort_number order by predictor_value
            rows between unbounded preceding and current row
        )) as separation
    from value_totals
),

cohort_totals as (
    select
        cohort_number,
        cast(sum(tied) as bigint) as observations,
        cast(sum(tied_churners) as bigint) as churner_count,
        cast(sum(worst_observations) as decimal(18, 4)) as worst_observations,
        {{ as_double('sum(worst_churners)') }} as worst_churners,
        max(separation) as separation
    from separations
    group by cohort_number
),

value_placements as (
    select
        spread_values.cohort_number,
        spread_values.cell_number,
        spread_values.score_date,
        spread_values.compared_stage,
        spread_values.predictor_value,
        placed.churners,
        placed.retained,
        placed.churner_placement,
        placed.retained_placement
    from spread_values
    inner join placed
        on
            spread_values.cohort_number = placed.cohort_number
            and spread_values.score_date = placed.score_date
            and spread_values.compared_stage = placed.compared_stage
            and spread_values.predictor_value = placed.predictor_value
),

-- Observations of one account are not independent, on one date or on many, so its pairs and
-- placements are summed first.
account_placements as (
    select
        value_placements.cohort_number,
        numbered.account_id,
        {% for name, pairs in [
            ('churner_pairs', 'numbered.churned * value_placements.retained'),
            ('retained_pairs', '(1 - numbered.churned) * value_placements.churners'),
            ('churner_placement', 'numbered.churned * value_placements.churner_placement'),
            ('retained_placement', '(1 - numbered.churned) * value_placements.retained_placement'),
        ] -%}
        cast(sum({{ as_double(pairs) }}) as decimal(18, 0)) as {{ name }},
        {% endfor -%}
        count(*) as observations
    from numbered
    inner join value_placements
        on
            numbered.cell_number = value_placements.cell_number
            and numbered.score_date = value_placements.score_date
            and numbered.compared_stage = value_placements.compared_stage
            and numbered.predictor_value = value_placements.predictor_value
    group by value_placements.cohort_number, numbered.account_id
),

account_sums as (
    select
        cohort_number,
        count(*) as accounts,
        {{ as_double('sum(case when churner_pairs + retained_pairs > 0 then 1 else 0 end)') }}
            as paired_accounts,
        {{ as_double('sum(case when churner_pairs > 0 then 1 else 0 end)') }} as churner_accounts,
        {{ as_double('sum(case when retained_pairs > 0 then 1 else 0 end)') }} as retained_accounts,
        nullif({{ as_double('sum(churner_pairs)') }}, 0) as pairs,
        {{ as_double('sum(churner_placement)') }} as placement,
        {{ as_double('sum(churner_pairs * churner_pairs)') }} as churner_pairs_squared,
        {{ as_double('sum(retained_pairs * retained_pairs)') }} as retained_pairs_squared,
        {{ as_double('sum(churner_pairs * retained_pairs)') }} as both_pairs,
        {{ as_double('sum(churner_placement * churner_placement)') }} as churner_placement_squared,
        {{ as_double('sum(retained_placement * retained_placement)') }}
            as retained_placement_squared,
        {{ as_double('sum(churner_placement * retained_placement)') }} as both_placements,
        {{ as_double('sum(churner_placement * churner_pairs)') }} as churner_placement_pairs,
        {{ as_double('sum(retained_placement * retained_pairs)') }} as retained_placement_pairs,
        {{ as_double('sum(churner_placement * retained_pairs)') }}
            as churner_placement_retained_pairs,
        {{ as_double('sum(retained_placement * churner_pairs)') }}
            as retained_placement_churner_pairs
    from account_placements
    group by cohort_number
),

placements as (
    select
        account_sums.*,
        cohort_totals.observations,
        cohort_totals.churner_count,
        cohort_totals.worst_observations,
        cohort_totals.worst_churners,
        cohort_totals.separation / account_sums.pairs as ks
    from cohort_totals
    inner join account_sums
        on cohort_totals.cohort_number = account_sums.cohort_number
)

select * from placements
