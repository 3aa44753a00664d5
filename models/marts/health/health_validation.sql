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

lift as (
    select * from {{ ref('health_lift') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
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
    left join areas
        on cohorts.cohort_number = areas.cohort_number
    left join losses
        on cohorts.cohort_number = losses.cohort_number
    left join missed_lifts
        on cohorts.cohort_key = missed_lifts.cohort_key
),

{%- set percent_word = 'cast(cast({} as integer) as ' ~ dbt.type_string() ~ ') || \' %\'' %}
{%- set whole_word = 'cast({} as ' ~ dbt.type_string() ~ ')' %}

worded as (
    select
        measured.*,
        'AUC ' || {{ number_word.format(round_half_up('auc', 2)) }}
        || ' (' || {{ number_word.format(round_half_up('auc_lower', 2)) }}
        || ' to ' || {{ number_word.format(round_half_up('auc_upper', 2)) }} || ')' as auc_words,
        'the worst ' || {{ percent_word.format('100 * worst_share') }} || ' hold '
        || {{ percent_word.format('floor(100 * recall_at_worst)') }} || ' of the churners'
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
            when
                observations = 0
                and coalesce(churned_in_gap, 0) = 0
                and coalesce(not_at_risk, 0) = 0
                then 'too_young'
            when few_churners is not null then 'too_few_churners'
            when few_retained is not null then 'too_few_retained'
            when few_observations is not null then 'too_few_observations'
            when auc_lower is null then 'not_comparable'
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
        worst_observations,
        {{ round_half_up('precision_at_worst', 12) }} as precision_at_worst,
        {{ round_half_up('recall_at_worst', 12) }} as recall_at_worst,
        high_risk_observations,
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
            when 'not_comparable'
                then
                    'nothing to compare: ' || {{ whole_word.format('pairs') }}
                    || ' pairs of a churner and another account of one date'
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
