-- Whether the score, and each metric, predicts churn: AUC with its interval and p value (adjusted
-- after Benjamini-Hochberg), recall, calibration and a verdict. One row per validation cohort.
with

cohorts as (
    select * from {{ ref('int_validation_left_out') }}
),

areas as (
    select * from {{ ref('int_validation_areas') }}
),

losses as (
    select * from {{ ref('int_validation_losses') }}
),

differences as (
    select * from {{ ref('int_validation_differences') }}
),

lift_targets as (
    select * from {{ ref('lift_targets') }}
),

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

lift as (
    select * from {{ ref('rpt_health_lift') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

learned_predictors as (
    select distinct
        'score' as predictor,
        model_version
    from health_model_versions
    where track = 'live' and is_learned
    union all
    select distinct
        'candidate ' || track as predictor,
        cast(null as {{ dbt.type_string() }}) as model_version
    from health_model_versions
    where track <> 'live' and is_learned
),

-- The lifts of all buckets sum to their number; buckets without a published lift share the rest.
lift_sums as (
    select
        count(*) as buckets,
        (count(*) - sum(published_lift)) / nullif(count(*) - count(published_lift), 0)
            as other_lift
    from lift_targets
),

wanted_lifts as (
    select
        lift_targets.bucket,
        lift_sums.buckets,
        {{ as_double('coalesce(lift_targets.published_lift, lift_sums.other_lift)') }}
            as wanted_lift
    from lift_targets
    cross join lift_sums
),

{%- set number_word = 'cast(cast({} as decimal(9, 2)) as ' ~ dbt.type_string() ~ ')' %}

missed_lifts as (
    select
        cohort_key,
        {{ joined_texts(
            "'; lift of part ' || cast(bucket as " ~ dbt.type_string() ~ ") || ' is '"
            ~ "|| case when published_lift >= 1 then " ~ number_word.format('floor(100 * lift) / 100')
            ~ " else " ~ number_word.format('ceil(100 * lift) / 100') ~ " end || ', wanted ' || "
            ~ number_word.format('published_lift'), separator=''
        ) }} as words
    from lift
    where not meets_target
    group by cohort_key
),

measures as (
    select
        cohorts.*,
        coalesce(areas.observations, 0) as observations,
        coalesce(areas.accounts, 0) as accounts,
        coalesce(areas.churners, 0) as churners,
        missed_lifts.words as missed_lift_words,
        areas.base_rate,
        coalesce(areas.pairs, 0) as pairs,
        areas.auc,
        areas.auc_standard_error,
        areas.auc_lower,
        areas.auc_upper,
        areas.worst_observations,
        areas.precision_at_worst,
        areas.recall_at_worst,
        areas.ks,
        losses.high_risk_observations,
        {{ as_double('losses.high_risk_churners') }} / nullif(areas.churners, 0)
            as recall_of_high_risk,
        losses.log_loss,
        losses.brier_score,
        losses.base_brier_score,
        differences.auc_difference,
        differences.auc_difference_error,
        cohorts.split
        = case when learned_predictors.predictor is null then 'all' else 'holdout' end
            as is_deciding,
        validation_horizons.worst_share,
        validation_horizons.min_observations,
        validation_horizons.min_churners,
        validation_horizons.min_auc,
        validation_horizons.high_risk_band
    from cohorts
    inner join validation_horizons
        on cohorts.horizon_days = validation_horizons.horizon_days
    left join areas
        on cohorts.cohort_number = areas.cohort_number
    left join losses
        on cohorts.cohort_number = losses.cohort_number
    left join missed_lifts
        on cohorts.cohort_key = missed_lifts.cohort_key
    left join differences
        on cohorts.cohort_number = differences.cohort_number
    left join learned_predictors
        on
            cohorts.predictor = learned_predictors.predictor
            and coalesce(learned_predictors.model_version, cohorts.model_version)
            = cohorts.model_version
),

{%- set part -%}
    wanted_lifts.wanted_lift / wanted_lifts.buckets * greatest(
            least({} * wanted_lifts.buckets - wanted_lifts.bucket + 1, 1), 0
        )
{%- endset %}

-- The recall wanted of a share of the book: its lifts added up (a bucket in part counts in part),
-- but no more churners than the share has observations.
wanted_recalls as (
    select
        measures.cohort_key,
        least(
            sum({{ part.format('measures.worst_share') }}),
            max(measures.worst_share / nullif(measures.base_rate, 0))
        ) as wanted_recall,
        max(measures.high_risk_observations / {{ as_double('measures.observations') }})
            as high_risk_share,
        case
            when max(measures.high_risk_observations) is not null
                then
                    least(
                        sum({{ part.format(
                            'measures.high_risk_observations / '
                            ~ as_double('measures.observations')
                        ) }}),
                        max({{ as_double('measures.high_risk_observations') }} / measures.churners)
                    )
        end as wanted_high_risk_recall
    from measures
    cross join wanted_lifts
    where measures.churners > 0
    group by measures.cohort_key
),

cohorts_with_targets as (
    select
        measures.*,
        wanted_recalls.wanted_recall,
        wanted_recalls.high_risk_share,
        wanted_recalls.wanted_high_risk_recall
    from measures
    left join wanted_recalls
        on measures.cohort_key = wanted_recalls.cohort_key
),

{%- set percent = 'floor(100 * {} + 0.500001)' %}
{%- set percent_word = 'cast(cast(' ~ percent ~ ' as integer) as ' ~ dbt.type_string()
    ~ ') || \' %\'' %}
{%- set whole_word = 'cast({} as ' ~ dbt.type_string() ~ ')' %}

cohorts_with_words as (
    select
        cohorts_with_targets.*,
        'AUC ' || {{ number_word.format(round_half_up('auc', 2)) }}
        || ' (' || {{ number_word.format(round_half_up('auc_lower', 2)) }}
        || ' to ' || {{ number_word.format(round_half_up('auc_upper', 2)) }} || ')' as auc_words,
        'the worst ' || {{ percent_word.format('worst_share') }} || ' hold '
        || {{ percent_word.format('recall_at_worst') }} || ' of the churners'
            as recall_words,
        {% for limit, number, least, few in [
            ('few_churners', 'churners', 'min_churners', 'churners'),
            ('few_retained', 'observations - churners', 'min_churners', 'that stayed'),
            ('few_observations', 'observations', 'min_observations', 'observations'),
        ] -%}
        case
            when {{ number }} < {{ least }}
                then
                    'too few {{ few }}: ' || {{ whole_word.format(number) }}
                    || ', needs ' || {{ whole_word.format(least) }}
        end as {{ limit }},
        {% endfor -%}
        case
            when {{ round_half_up('auc', 2) }} < min_auc
                then
                    '; AUC ' || {{ number_word.format(round_half_up('auc', 2)) }} || ', wanted '
                    || {{ number_word.format('min_auc') }}
            else ''
        end
        || case
            when
                {{ percent.format('recall_at_worst') }} < {{ percent.format('wanted_recall') }}
                then
                    '; the worst ' || {{ percent_word.format('worst_share') }} || ' hold '
                    || {{ percent_word.format('recall_at_worst') }}
                    || ' of the churners, wanted '
                    || {{ percent_word.format('wanted_recall') }}
            else ''
        end as missed,
        case
            when
                {{ percent.format('recall_of_high_risk') }}
                < {{ percent.format('wanted_high_risk_recall') }}
                then
                    '; the ' || high_risk_band || ', '
                    || {{ percent_word.format('high_risk_share') }} || ' of the book, hold '
                    || {{ percent_word.format('recall_of_high_risk') }}
                    || ' of the churners, wanted '
                    || {{ percent_word.format('wanted_high_risk_recall') }}
            else ''
        end
        || coalesce(missed_lift_words, '') as also_missed
    from cohorts_with_targets
),

-- Two-sided normal test of AUC = 0.5; null where there are too few observations.
cohorts_with_p_values as (
    select
        cohorts_with_words.*,
        case
            when coalesce(few_churners, few_retained, few_observations) is not null then null
            when auc_standard_error > 0
                then
                    2 * {{ normal_cdf('(-abs(auc - 0.5) / auc_standard_error)') }}
            when auc_standard_error = 0 and auc = 0.5 then 1
            when auc_standard_error = 0 then 0
        end as p_value
    from cohorts_with_words
),

cohorts_by_p_value as (
    select
        cohorts_with_p_values.*,
        row_number() over (
            partition by basis, horizon_days, split, population, p_value is null
            order by p_value, cohort_key
        ) as place,
        count(*) over (
            partition by basis, horizon_days, split, population, p_value is null
        ) as family
    from cohorts_with_p_values
),

-- At most 5 % of the cohorts of a family that are found to predict do not.
cohorts_with_adjusted_p_values as (
    select
        cohorts_by_p_value.*,
        {{ false_discovery_rate(
            'p_value', 'place', 'family', 'basis, horizon_days, split, population, p_value is null'
        ) }} as adjusted_p_value
    from cohorts_by_p_value
),

cohorts_with_findings as (
    select
        cohorts_with_adjusted_p_values.*,
        case
            when observations = 0 and left_out > 0 then 'not_published'
            when
                observations = 0
                and coalesce(churned_in_gap, 0) = 0
                and coalesce(not_at_risk, 0) = 0
                then 'too_young'
            when few_churners is not null then 'too_few_churners'
            when few_retained is not null then 'too_few_retained'
            when few_observations is not null then 'too_few_observations'
            when auc_lower is null then 'not_comparable'
            when adjusted_p_value >= 2 * {{ normal_cdf(as_double(-var('confidence_z'))) }}
                then 'does_not_predict'
            when auc < 0.5 then 'predicts_the_wrong_way'
            when missed <> '' then 'predicts_weakly'
            else 'predicts'
        end as finding
    from cohorts_with_adjusted_p_values
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
        observations,
        accounts,
        churners,
        open_windows,
        churned_in_gap,
        not_at_risk,
        left_out,
        {{ round_half_up('base_rate', 12) }} as base_rate,
        pairs,
        {{ round_half_up('auc', 12) }} as auc,
        {{ round_half_up('auc_standard_error', 12) }} as auc_standard_error,
        {{ round_half_up('auc_lower', 12) }} as auc_lower,
        {{ round_half_up('auc_upper', 12) }} as auc_upper,
        {{ round_half_up('adjusted_p_value', 12) }} as adjusted_p_value,
        {{ round_half_up('auc_difference', 12) }} as auc_difference,
        {{ round_half_up(
            'auc_difference - ' ~ var('confidence_z') ~ ' * auc_difference_error', 12
        ) }} as auc_difference_lower,
        {{ round_half_up(
            'auc_difference + ' ~ var('confidence_z') ~ ' * auc_difference_error', 12
        ) }} as auc_difference_upper,
        worst_observations,
        {{ round_half_up('precision_at_worst', 12) }} as precision_at_worst,
        {{ round_half_up('recall_at_worst', 12) }} as recall_at_worst,
        {{ round_half_up('wanted_recall', 12) }} as wanted_recall,
        high_risk_observations,
        {{ round_half_up('recall_of_high_risk', 12) }} as recall_of_high_risk,
        {{ round_half_up('wanted_high_risk_recall', 12) }} as wanted_high_risk_recall,
        {{ round_half_up('ks', 12) }} as ks,
        {{ round_half_up('log_loss', 12) }} as log_loss,
        {{ round_half_up('brier_score', 12) }} as brier_score,
        {{ round_half_up('base_brier_score', 12) }} as base_brier_score,
        is_deciding,
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
            when 'not_comparable'
                then
                    'nothing to compare: ' || {{ whole_word.format('pairs') }}
                    || ' pairs of a churner and another account of one date'
            when 'does_not_predict'
                then
                    'does not predict here: ' || auc_words
                    || case
                        when auc_lower > 0.5 or auc_upper < 0.5
                            then
                                ', which chance gives among ' || {{ whole_word.format('family') }}
                                || ' cohorts'
                        else ''
                    end
            when 'predicts_the_wrong_way' then 'predicts the wrong way round: ' || auc_words
            when 'predicts_weakly' then 'predicts weakly: ' || auc_words || missed
            else 'predicts: ' || auc_words || '; ' || recall_words
        end as verdict,
        nullif(
            substr(
                case
                    when coalesce(few_churners, few_retained, few_observations) is null
                        then missed || also_missed
                    else
                        coalesce('; ' || few_churners, '') || coalesce('; ' || few_retained, '')
                        || coalesce('; ' || few_observations, '')
                end, 3
            ), ''
        ) as warnings
    from cohorts_with_findings
)

select * from validation
