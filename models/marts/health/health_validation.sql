with

predictions as (
    select * from {{ ref('int_health_predictions') }}
),

validation_cohorts as (
    select * from {{ ref('int_validation_cohorts') }}
),

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
),

lift as (
    select * from {{ ref('health_lift') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

outcomes_by_segment as (
    select outcomes.*, segment as cohort_segment from outcomes
    union all
    select outcomes.*, 'all' as cohort_segment from outcomes
),

unlabelled as (
    select
        {{ validation_cohort_key('cohort_segment', "'all'", "'all'", "'score'") }} as cohort_key,
        basis,
        model_version,
        cohort_segment as segment,
        horizon_days,
        'all' as split,
        'all' as population,
        'score' as predictor,
        sum(case when outcome = 'window_open' then 1 else 0 end) as open_windows,
        sum(case when outcome = 'churned_in_gap' then 1 else 0 end) as churned_in_gap,
        min(window_ends_on) as first_window_ends_on
    from outcomes_by_segment
    group by basis, model_version, cohort_segment, horizon_days
),

-- What cannot be judged as it was known then: nothing was published by the end of the score date.
unpublished as (
    select
        'known_then' as basis,
        restated.model_version,
        restated.cohort_segment,
        restated.horizon_days,
        count(*) as left_out
    from outcomes_by_segment as restated
    left join outcomes as known_then
        on
            known_then.basis = 'known_then'
            and restated.account_id = known_then.account_id
            and restated.score_date = known_then.score_date
            and restated.horizon_days = known_then.horizon_days
    where
        restated.basis = 'restated'
        and restated.has_churned is not null
        and known_then.account_id is null
    group by restated.model_version, restated.cohort_segment, restated.horizon_days
),

left_out as (
    select
        {{ validation_cohort_key('cohort_segment', "'all'", "'all'", "'score'") }} as cohort_key,
        basis,
        model_version,
        cohort_segment as segment,
        horizon_days,
        'all' as split,
        'all' as population,
        'score' as predictor,
        left_out
    from unpublished
),

{%- set cohort_columns = [
    'cohort_key', 'basis', 'model_version', 'segment', 'horizon_days', 'split', 'population', 'predictor'
] | join(', ') %}

named_cohorts as (
    select
        cohort_key,
        basis,
        model_version,
        cohort_segment as segment,
        horizon_days,
        cohort_split as split,
        population,
        predictor
    from validation_cohorts
    union distinct
    select {{ cohort_columns }} from unlabelled
    union distinct
    select {{ cohort_columns }} from left_out
),

cohort_numbers as (
    select distinct
        cohort_key,
        cohort_number
    from validation_cohorts
),

cohorts as (
    select
        named_cohorts.*,
        cohort_numbers.cohort_number
    from named_cohorts
    left join cohort_numbers
        on named_cohorts.cohort_key = cohort_numbers.cohort_key
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
        predictions.churned,
        predictions.high_risk,
        predictions.churn_probability
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
        predictor_value,
        cast(sum(tied) as bigint) as tied,
        cast(sum(tied_churners) as bigint) as tied_churners
    from spread_values
    group by cohort_number, predictor_value
),

cohort_sizes as (
    select
        cohort_values.cohort_number,
        cohorts.horizon_days,
        cast(sum(cohort_values.tied) as bigint) as observations,
        cast(sum(cohort_values.tied_churners) as bigint) as churners
    from cohort_values
    inner join cohorts
        on cohort_values.cohort_number = cohorts.cohort_number
    group by cohort_values.cohort_number, cohorts.horizon_days
),

running as (
    select
        cohort_values.*,
        cast(sum(tied) over (
            partition by cohort_number order by predictor_value
            rows between unbounded preceding and current row
        ) as bigint) as up_to_here,
        cast(sum(tied_churners) over (
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
        on cohort_sizes.horizon_days = validation_horizons.horizon_days
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

cell_probabilities as (
    select
        cell_number,
        churn_probability,
        churned,
        count(*) as row_count,
        sum(high_risk) as high_risk_count,
        sum(high_risk * churned) as high_risk_churners
    from numbered
    group by cell_number, churn_probability, churned
),

probability_terms as (
    select
        cell_probabilities.*,
        row_count * {{ round_half_up(
            'case when churned = 1 then -ln(' ~ as_double('churn_probability') ~ ')'
            ~ ' else -ln(1 - ' ~ as_double('churn_probability') ~ ') end', 12
        ) }} as log_loss_term,
        row_count * {{ round_half_up(
            '(' ~ as_double('churn_probability') ~ ' - churned)'
            ~ ' * (' ~ as_double('churn_probability') ~ ' - churned)', 12
        ) }} as brier_term,
        case when churn_probability is not null then row_count end as predicted_count
    from cell_probabilities
),

probability_totals as (
    select
        validation_cohorts.cohort_number,
        {{ as_double('sum(probability_terms.log_loss_term)') }}
        / nullif(sum(probability_terms.predicted_count), 0) as log_loss,
        {{ as_double('sum(probability_terms.brier_term)') }}
        / nullif(sum(probability_terms.predicted_count), 0) as brier_score,
        sum(probability_terms.high_risk_count) as high_risk_observations,
        sum(probability_terms.high_risk_churners) as high_risk_churners
    from probability_terms
    inner join validation_cohorts
        on probability_terms.cell_number = validation_cohorts.cell_number
    group by validation_cohorts.cohort_number
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
        cast(sum(1 - numbered.churned) as decimal(18, 0)) as retained,
        cast(sum(numbered.churned * value_placements.churner_placement) as decimal(18, 0))
            as churner_placement,
        cast(
            sum((1 - numbered.churned) * value_placements.retained_placement) as decimal(18, 0)
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

areas as (
    select
        account_sums.*,
        placement / (2 * churners * retained) as auc
    from account_sums
),

-- DeLong's components by account, after Obuchowski (1997).
components as (
    select
        areas.*,
        churner_accounts / nullif((churner_accounts - 1) * churners * churners, 0) * (
            churner_placement_squared / (4 * retained * retained)
            - auc * churner_placement_churners / retained
            + auc * auc * churners_squared
        ) as churner_variance,
        retained_accounts / nullif((retained_accounts - 1) * retained * retained, 0) * (
            retained_placement_squared / (4 * churners * churners)
            - auc * retained_placement_retained / churners
            + auc * auc * retained_squared
        ) as retained_variance,
        accounts / nullif((accounts - 1) * churners * retained, 0) * (
            both_placements / (4 * churners * retained)
            - auc * churner_placement_retained / (2 * retained)
            - auc * retained_placement_churners / (2 * churners)
            + auc * auc * churners_retained
        ) as covariance
    from areas
),

intervals as (
    select
        cohort_number,
        accounts,
        auc,
        case
            when churner_variance + retained_variance + covariance is not null
                then sqrt(greatest(churner_variance + retained_variance + 2 * covariance, 0))
        end as auc_standard_error
    from components
),

{%- set number_word = 'cast(cast({} as decimal(9, 2)) as ' ~ dbt.type_string() ~ ')' %}

missed_lifts as (
    select
        cohort_key,
        replace({{ joined_texts(
            "'; lift of part ' || cast(bucket as " ~ dbt.type_string() ~ ") || ' is '"
            ~ "|| case when published_lift >= 1 then " ~ number_word.format('floor(100 * lift) / 100')
            ~ " else " ~ number_word.format('ceil(100 * lift) / 100') ~ " end || ', wanted ' || "
            ~ number_word.format('published_lift')
        ) }}, ',;', ';') as words
    from lift
    where not meets_target
    group by cohort_key
),

measured as (
    select
        cohorts.*,
        coalesce(totals.observations, 0) as observations,
        cast(coalesce(intervals.accounts, 0) as bigint) as accounts,
        coalesce(totals.churners, 0) as churners,
        left_out.left_out,
        missed_lifts.words as missed_lift_words,
        unlabelled.open_windows,
        unlabelled.churned_in_gap,
        unlabelled.first_window_ends_on,
        totals.worst_observations,
        {{ as_double('totals.churners') }} / totals.observations as base_rate,
        intervals.auc,
        intervals.auc_standard_error,
        case
            when intervals.auc_standard_error is not null
                then
                    greatest(
                        intervals.auc - {{ var('confidence_z') }} * intervals.auc_standard_error, 0
                    )
        end as auc_lower,
        case
            when intervals.auc_standard_error is not null
                then
                    least(
                        intervals.auc + {{ var('confidence_z') }} * intervals.auc_standard_error, 1
                    )
        end as auc_upper,
        totals.worst_churners / totals.worst_observations as precision_at_worst,
        totals.worst_churners / nullif(totals.churners, 0) as recall_at_worst,
        totals.ks,
        probabilities.high_risk_observations,
        {{ as_double('probabilities.high_risk_churners') }} / nullif(totals.churners, 0)
            as recall_of_high_risk,
        probabilities.log_loss,
        probabilities.brier_score,
        validation_horizons.worst_share,
        validation_horizons.min_observations,
        validation_horizons.min_churners,
        validation_horizons.min_auc,
        validation_horizons.min_recall,
        validation_horizons.high_risk_band,
        validation_horizons.min_high_risk_recall
    from cohorts
    inner join validation_horizons
        on cohorts.horizon_days = validation_horizons.horizon_days
    left join value_totals as totals
        on cohorts.cohort_number = totals.cohort_number
    left join intervals
        on cohorts.cohort_number = intervals.cohort_number
    left join probability_totals as probabilities
        on cohorts.cohort_number = probabilities.cohort_number
    left join unlabelled
        on cohorts.cohort_key = unlabelled.cohort_key
    left join left_out
        on cohorts.cohort_key = left_out.cohort_key
    left join missed_lifts
        on cohorts.cohort_key = missed_lifts.cohort_key
),

{%- set percent_word = 'cast(cast({} as integer) as ' ~ dbt.type_string() ~ ') || \' %\'' %}
{%- set whole_word = 'cast({} as ' ~ dbt.type_string() ~ ')' %}

worded as (
    select
        measured.*,
        'AUC ' || {{ number_word.format('floor(100 * auc) / 100') }}
        || ' (' || {{ number_word.format(round_half_up('auc_lower', 2)) }}
        || ' to ' || {{ number_word.format(round_half_up('auc_upper', 2)) }} || ')' as auc_words,
        'the worst ' || {{ percent_word.format('100 * worst_share') }} || ' hold '
        || {{ percent_word.format('floor(100 * recall_at_worst)') }} || ' of the churners'
            as recall_words,
        case
            when churners < min_churners
                then
                    'too few churners: ' || {{ whole_word.format('churners') }}
                    || ', needs ' || {{ whole_word.format('min_churners') }}
        end as few_churners,
        case
            when observations - churners < min_churners
                then
                    'too few that stayed: ' || {{ whole_word.format('observations - churners') }}
                    || ', needs ' || {{ whole_word.format('min_churners') }}
        end as few_retained,
        case
            when observations < min_observations
                then
                    'too few observations: ' || {{ whole_word.format('observations') }}
                    || ', needs ' || {{ whole_word.format('min_observations') }}
        end as few_observations,
        case
            when auc < min_auc
                then
                    '; AUC ' || {{ number_word.format('floor(100 * auc) / 100') }} || ', wanted '
                    || {{ number_word.format('min_auc') }}
            else ''
        end
        || case
            when recall_at_worst < min_recall
                then
                    '; the worst ' || {{ percent_word.format('100 * worst_share') }} || ' hold '
                    || {{ percent_word.format('floor(100 * recall_at_worst)') }}
                    || ' of the churners, wanted '
                    || {{ percent_word.format('100 * min_recall') }}
            else ''
        end
        || case
            when recall_of_high_risk < min_high_risk_recall
                then
                    '; the ' || high_risk_band || ' hold '
                    || {{ percent_word.format('floor(100 * recall_of_high_risk)') }}
                    || ' of the churners, wanted '
                    || {{ percent_word.format('100 * min_high_risk_recall') }}
            else ''
        end
        || coalesce(missed_lift_words, '') as missed
    from measured
),

found as (
    select
        worded.*,
        case
            when observations = 0 and left_out > 0 then 'not_published'
            when observations = 0 and coalesce(churned_in_gap, 0) = 0 then 'too_young'
            when few_churners is not null then 'too_few_churners'
            when few_retained is not null then 'too_few_retained'
            when few_observations is not null then 'too_few_observations'
            when auc_lower <= 0.5 and auc_upper >= 0.5 then 'does_not_predict'
            when auc_upper < 0.5 then 'predicts_the_wrong_way'
            when missed <> '' then 'predicts_weakly'
            else 'predicts'
        end as finding
    from worded
),

validation as (
    select
        cohort_key,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        basis,
        cast(observations as bigint) as observations,
        cast(accounts as bigint) as accounts,
        cast(churners as bigint) as churners,
        cast(open_windows as bigint) as open_windows,
        cast(churned_in_gap as bigint) as churned_in_gap,
        cast(left_out as bigint) as left_out,
        {{ round_half_up('base_rate', 12) }} as base_rate,
        {{ round_half_up('auc', 12) }} as auc,
        {{ round_half_up('auc_standard_error', 12) }} as auc_standard_error,
        {{ round_half_up('auc_lower', 12) }} as auc_lower,
        {{ round_half_up('auc_upper', 12) }} as auc_upper,
        worst_observations,
        {{ round_half_up('precision_at_worst', 12) }} as precision_at_worst,
        {{ round_half_up('recall_at_worst', 12) }} as recall_at_worst,
        cast(high_risk_observations as bigint) as high_risk_observations,
        {{ round_half_up('recall_of_high_risk', 12) }} as recall_of_high_risk,
        {{ round_half_up('ks', 12) }} as ks,
        {{ round_half_up('log_loss', 12) }} as log_loss,
        {{ round_half_up('brier_score', 12) }} as brier_score,
        finding,
        case finding
            when 'not_published'
                then
                    'nothing was published by the score dates of these observations: '
                    || {{ whole_word.format('left_out') }}
            when 'too_young'
                then
                    'no window is over yet: the first ends on '
                    || {{ whole_word.format('first_window_ends_on') }}
            when 'too_few_churners' then few_churners
            when 'too_few_retained' then few_retained
            when 'too_few_observations' then few_observations
            when 'does_not_predict' then 'does not predict here: ' || auc_words
            when 'predicts_the_wrong_way' then 'predicts the wrong way round: ' || auc_words
            when 'predicts_weakly' then 'predicts weakly: ' || auc_words || missed
            else 'predicts: ' || auc_words || '; ' || recall_words
        end as verdict,
        nullif(
            substr(
                case
                    when coalesce(few_churners, few_retained, few_observations) is null then missed
                    else
                        coalesce('; ' || few_churners, '') || coalesce('; ' || few_retained, '')
                        || coalesce('; ' || few_observations, '')
                end, 3
            ), ''
        ) as warnings
    from found
)

select * from validation
