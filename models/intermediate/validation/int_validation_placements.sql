-- Sums from which int_validation_areas computes AUCs with DeLong's errors, accounts as clusters:
-- pairs and placements. Also the counts of the worst share and the Kolmogorov-Smirnov distance. One
-- row per cohort.
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

-- A prediction belongs to up to eight cohorts, so it is counted by cell before cells are joined to
-- cohorts. A group is the accounts of a score date and stage: only they are compared with each
-- other.
cell_rows as (
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
    from cell_rows
    group by cell_number, score_date, compared_stage, predictor_value
),

cohort_cell_values as (
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
    from cohort_cell_values
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
counts_so_far as (
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

-- DeLong's placements, times two: of a churner the retained accounts of its group with a higher
-- value, of a retained account the churners with a lower one, a tie for half. Whole numbers, so
-- that their sums and squares are exact.
group_placements as (
    select
        counts_so_far.*,
        group_sizes.observations,
        group_sizes.churners,
        group_sizes.observations - group_sizes.churners as retained,
        2 * (
            group_sizes.observations - group_sizes.churners - counts_so_far.up_to_here
            + counts_so_far.churners_up_to_here
        ) + counts_so_far.tied - counts_so_far.tied_churners as churner_placement,
        2 * counts_so_far.churners_up_to_here - counts_so_far.tied_churners as retained_placement,
        validation_horizons.worst_share
    from counts_so_far
    inner join group_sizes
        on
            counts_so_far.cohort_number = group_sizes.cohort_number
            and counts_so_far.score_date = group_sizes.score_date
            and counts_so_far.compared_stage = group_sizes.compared_stage
    inner join validation_horizons
        on counts_so_far.horizon_days = validation_horizons.horizon_days
),

-- For the Kolmogorov-Smirnov distance: within a group, the running sum of pair_difference is the
-- difference of the two distributions times the group's pairs. A tie over the edge of the worst
-- share counts pro rata.
value_terms as (
    select
        group_placements.*,
        {{ round_half_up(
            'tied_churners * '
            ~ 'greatest(least(worst_share * observations - up_to_here + tied, tied), 0)'
            ~ ' / ' ~ as_double('tied'), 12
        ) }} as worst_churned,
        cast(
            tied_churners * retained - (tied - tied_churners) * churners as bigint
        ) as pair_difference
    from group_placements
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
        cohort_cell_values.cohort_number,
        cohort_cell_values.cell_number,
        cohort_cell_values.score_date,
        cohort_cell_values.compared_stage,
        cohort_cell_values.predictor_value,
        group_placements.churners,
        group_placements.retained,
        group_placements.churner_placement,
        group_placements.retained_placement
    from cohort_cell_values
    inner join group_placements
        on
            cohort_cell_values.cohort_number = group_placements.cohort_number
            and cohort_cell_values.score_date = group_placements.score_date
            and cohort_cell_values.compared_stage = group_placements.compared_stage
            and cohort_cell_values.predictor_value = group_placements.predictor_value
),

-- Observations of one account are not independent, so accounts are the clusters: their pairs and
-- placements are summed first.
account_placements as (
    select
        value_placements.cohort_number,
        cell_rows.account_id,
        {% for name, pairs in [
            ('churner_pairs', 'cell_rows.churned * value_placements.retained'),
            ('retained_pairs', '(1 - cell_rows.churned) * value_placements.churners'),
            ('churner_placement', 'cell_rows.churned * value_placements.churner_placement'),
            ('retained_placement', '(1 - cell_rows.churned) * value_placements.retained_placement'),
        ] -%}
        cast(sum({{ as_double(pairs) }}) as decimal(18, 0)) as {{ name }},
        {% endfor -%}
        count(*) as observations
    from cell_rows
    inner join value_placements
        on
            cell_rows.cell_number = value_placements.cell_number
            and cell_rows.score_date = value_placements.score_date
            and cell_rows.compared_stage = value_placements.compared_stage
            and cell_rows.predictor_value = value_placements.predictor_value
    group by value_placements.cohort_number, cell_rows.account_id
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
