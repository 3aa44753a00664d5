with

members as (
    select * from {{ ref('int_validation_members') }}
),

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
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
    group by model_version, cohort_segment, horizon_days
),

cohorts as (
    select cohort_key, model_version, segment, horizon_days, split, population, predictor
    from members
    union
    select cohort_key, model_version, segment, horizon_days, split, population, predictor
    from unlabelled
),

measured_members as (
    select
        members.*,
        validation_horizons.worst_share
    from members
    inner join validation_horizons
        on members.horizon_days = validation_horizons.horizon_days
),

positioned as (
    select
        measured_members.*,
        count(*) over (partition by cohort_key) as observations,
        sum(churned) over (partition by cohort_key) as churners,
        count(*) over (partition by cohort_key, predictor_value) as tied,
        sum(churned) over (partition by cohort_key, predictor_value) as tied_churners,
        count(*) over (partition by cohort_key order by predictor_value) as up_to_here,
        sum(churned) over (
            partition by cohort_key order by predictor_value
        ) as churners_up_to_here
    from measured_members
),

-- Twice the number of the other kind that an observation is rightly placed before or behind; a
-- tie counts half. Whole numbers, so their sums and squares are exact.
placed as (
    select
        positioned.*,
        case
            when churned = 1
                then
                    2 * (observations - churners - up_to_here + churners_up_to_here)
                    + tied - tied_churners
            else 2 * churners_up_to_here - tied_churners
        end as placement,
        cast(ceil(worst_share * observations) as bigint) as worst_observations
    from positioned
),

terms as (
    select
        placed.*,
        {{ round_half_up(
            'case when churned = 1 then -ln(cast(churn_probability as double))'
            ~ ' else -ln(1 - cast(churn_probability as double)) end', 12
        ) }} as log_loss_term,
        {{ round_half_up(
            '(cast(churn_probability as double) - churned)'
            ~ ' * (cast(churn_probability as double) - churned)', 12
        ) }} as brier_term,
        {{ round_half_up(
            'churned * greatest(least(up_to_here, worst_observations) - up_to_here + tied, 0)'
            ~ ' / cast(tied as double)', 12
        ) }} as worst_churned,
        abs(
            cast(churners_up_to_here as double) / nullif(churners, 0)
            - cast(up_to_here - churners_up_to_here as double) / nullif(observations - churners, 0)
        ) as separation
    from placed
),

totals as (
    select
        cohort_key,
        count(*) as observations,
        count(distinct account_id) as accounts,
        sum(churned) as churners,
        max(worst_observations) as worst_observations,
        cast(sum(worst_churned) as double) as worst_churners,
        max(separation) as ks,
        cast(sum(log_loss_term) as double) / nullif(count(churn_probability), 0) as log_loss,
        cast(sum(brier_term) as double) / nullif(count(churn_probability), 0) as brier_score
    from terms
    group by cohort_key
),

-- Observations of one account are not independent, so its placements are summed first.
account_placements as (
    select
        cohort_key,
        account_id,
        cast(sum(churned) as decimal(18, 0)) as churners,
        cast(sum(1 - churned) as decimal(18, 0)) as retained,
        cast(sum(churned * placement) as decimal(18, 0)) as churner_placement,
        cast(sum((1 - churned) * placement) as decimal(18, 0)) as retained_placement
    from placed
    group by cohort_key, account_id
),

account_sums as (
    select
        cohort_key,
        cast(count(*) as double) as accounts,
        cast(sum(case when churners > 0 then 1 else 0 end) as double) as churner_accounts,
        cast(sum(case when retained > 0 then 1 else 0 end) as double) as retained_accounts,
        nullif(cast(sum(churners) as double), 0) as churners,
        nullif(cast(sum(retained) as double), 0) as retained,
        cast(sum(churner_placement) as double) as placement,
        cast(sum(churners * churners) as double) as churners_squared,
        cast(sum(retained * retained) as double) as retained_squared,
        cast(sum(churners * retained) as double) as churners_retained,
        cast(sum(churner_placement * churner_placement) as double) as churner_placement_squared,
        cast(sum(retained_placement * retained_placement) as double) as retained_placement_squared,
        cast(sum(churner_placement * retained_placement) as double) as both_placements,
        cast(sum(churner_placement * churners) as double) as churner_placement_churners,
        cast(sum(retained_placement * retained) as double) as retained_placement_retained,
        cast(sum(churner_placement * retained) as double) as churner_placement_retained,
        cast(sum(retained_placement * churners) as double) as retained_placement_churners
    from account_placements
    group by cohort_key
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
        cohort_key,
        auc,
        case
            when churner_variance + retained_variance + covariance is not null
                then sqrt(greatest(churner_variance + retained_variance + 2 * covariance, 0))
        end as auc_standard_error
    from components
),

measured as (
    select
        cohorts.*,
        coalesce(totals.observations, 0) as observations,
        coalesce(totals.accounts, 0) as accounts,
        coalesce(totals.churners, 0) as churners,
        unlabelled.open_windows,
        unlabelled.churned_in_gap,
        unlabelled.first_window_ends_on,
        totals.worst_observations,
        cast(totals.churners as double) / totals.observations as base_rate,
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
        totals.log_loss,
        totals.brier_score,
        validation_horizons.worst_share,
        validation_horizons.min_observations,
        validation_horizons.min_churners,
        validation_horizons.min_auc,
        validation_horizons.min_recall
    from cohorts
    inner join validation_horizons
        on cohorts.horizon_days = validation_horizons.horizon_days
    left join totals
        on cohorts.cohort_key = totals.cohort_key
    left join unlabelled
        on cohorts.cohort_key = unlabelled.cohort_key
    left join intervals
        on cohorts.cohort_key = intervals.cohort_key
),

found as (
    select
        measured.*,
        case
            when observations = 0 and churned_in_gap = 0 then 'too_young'
            when churners < min_churners then 'too_few_churners'
            when observations - churners < min_churners then 'too_few_retained'
            when observations < min_observations then 'too_few_observations'
            when auc_lower <= 0.5 and auc_upper >= 0.5 then 'does_not_predict'
            when auc_upper < 0.5 then 'predicts_the_wrong_way'
            when auc < min_auc or recall_at_worst < min_recall then 'predicts_weakly'
            else 'predicts'
        end as finding,
        'AUC ' || cast(cast(floor(100 * auc) / 100 as decimal(9, 2)) as {{ dbt.type_string() }})
        || ' (' || cast({{ round_half_up('auc_lower', 2) }} as {{ dbt.type_string() }})
        || ' to ' || cast({{ round_half_up('auc_upper', 2) }} as {{ dbt.type_string() }}) || ')'
            as auc_words,
        'the worst '
        || cast(cast(100 * worst_share as integer) as {{ dbt.type_string() }}) || ' % hold '
        || cast(cast(floor(100 * recall_at_worst) as integer) as {{ dbt.type_string() }})
        || ' % of the churners' as recall_words
    from measured
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
        'restated' as basis,
        cast(observations as bigint) as observations,
        cast(accounts as bigint) as accounts,
        cast(churners as bigint) as churners,
        cast(open_windows as bigint) as open_windows,
        cast(churned_in_gap as bigint) as churned_in_gap,
        {{ round_half_up('base_rate', 12) }} as base_rate,
        {{ round_half_up('auc', 12) }} as auc,
        {{ round_half_up('auc_standard_error', 12) }} as auc_standard_error,
        {{ round_half_up('auc_lower', 12) }} as auc_lower,
        {{ round_half_up('auc_upper', 12) }} as auc_upper,
        worst_observations,
        {{ round_half_up('precision_at_worst', 12) }} as precision_at_worst,
        {{ round_half_up('recall_at_worst', 12) }} as recall_at_worst,
        {{ round_half_up('ks', 12) }} as ks,
        {{ round_half_up('log_loss', 12) }} as log_loss,
        {{ round_half_up('brier_score', 12) }} as brier_score,
        finding,
        case finding
            when 'too_young'
                then
                    'no window is over yet: the first ends on '
                    || cast(first_window_ends_on as {{ dbt.type_string() }})
            when 'too_few_churners'
                then
                    'too few churners: ' || cast(churners as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_churners as {{ dbt.type_string() }})
            when 'too_few_retained'
                then
                    'too few that stayed: '
                    || cast(observations - churners as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_churners as {{ dbt.type_string() }})
            when 'too_few_observations'
                then
                    'too few observations: ' || cast(observations as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_observations as {{ dbt.type_string() }})
            when 'does_not_predict' then 'does not predict here: ' || auc_words
            when 'predicts_the_wrong_way' then 'predicts the wrong way round: ' || auc_words
            when 'predicts_weakly'
                then
                    'predicts weakly: ' || auc_words || ', wanted '
                    || cast(cast(min_auc as decimal(9, 2)) as {{ dbt.type_string() }})
                    || '; ' || recall_words || ', wanted '
                    || cast(cast(100 * min_recall as integer) as {{ dbt.type_string() }}) || ' %'
            else 'predicts: ' || auc_words || '; ' || recall_words
        end as verdict
    from found
)

select * from validation
