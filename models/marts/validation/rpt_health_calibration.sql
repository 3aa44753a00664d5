-- Predicted and observed churn rates by score bin, with Wilson intervals. One row per validation
-- cohort and bin.
with

members as (
    select * from {{ ref('int_validation_members') }}
    where churn_probability is not null
),

bins as (
    select
        cohort_key,
        basis,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        bin,
        probability_bins,
        {{ as_double('sum(churn_probability)') }} / count(*) as predicted,
        {{ as_double('count(*)') }} as observations,
        {{ as_double('sum(churned)') }} as churners,
        {{ as_double(var('confidence_z')) }} as z
    from members
    group by
        cohort_key, basis, model_version, segment, horizon_days, split, population,
        predictor, bin, probability_bins
),

-- Centre and half width of Wilson's interval.
intervals as (
    select
        bins.*,
        (churners + z * z / 2) / (observations + z * z) as centre,
        z / (observations + z * z) * sqrt(
            churners * (observations - churners) / observations + z * z / 4
        ) as half_width
    from bins
),

calibration as (
    select
        cohort_key,
        model_version,
        segment,
        horizon_days,
        split,
        population,
        predictor,
        basis,
        bin,
        cast(100.0 * (bin - 1) / probability_bins as decimal(9, 2)) as score_from,
        cast(100.0 * bin / probability_bins as decimal(9, 2)) as score_to,
        cast(observations as bigint) as observations,
        cast(churners as bigint) as churners,
        {{ round_half_up('predicted', 12) }} as predicted_rate,
        {{ round_half_up('churners / observations', 12) }} as observed_rate,
        {{ round_half_up('greatest(centre - half_width, 0)', 12) }} as observed_lower,
        {{ round_half_up('least(centre + half_width, 1)', 12) }} as observed_upper
    from intervals
)

select * from calibration
