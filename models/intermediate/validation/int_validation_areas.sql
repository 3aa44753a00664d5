-- AUC of each cohort within score dates and stages, with DeLong's error, accounts as clusters;
-- precision and recall of the worst share. One row per cohort.
with

placements as (
    select * from {{ ref('int_validation_placements') }}
),

areas as (
    select
        placements.*,
        placement / (2 * pairs) as auc
    from placements
),

-- DeLong's variance components by account (Obuchowski 1997), over the pairs of all groups: the
-- squared sums of what an account's pairs add beyond the AUC.
components as (
    select
        areas.*,
        churner_accounts / nullif((churner_accounts - 1) * pairs * pairs, 0) * (
            churner_placement_squared / 4 - auc * churner_placement_pairs
            + auc * auc * churner_pairs_squared
        ) as churner_variance,
        retained_accounts / nullif((retained_accounts - 1) * pairs * pairs, 0) * (
            retained_placement_squared / 4 - auc * retained_placement_pairs
            + auc * auc * retained_pairs_squared
        ) as retained_variance,
        paired_accounts / nullif((paired_accounts - 1) * pairs * pairs, 0) * (
            both_placements / 4
            - auc * churner_placement_retained_pairs / 2
            - auc * retained_placement_churner_pairs / 2
            + auc * auc * both_pairs
        ) as covariance
    from areas
),

errors as (
    select
        components.*,
        case
            when churner_variance + retained_variance + covariance is not null
                then sqrt(greatest(churner_variance + retained_variance + 2 * covariance, 0))
        end as auc_standard_error
    from components
),

intervals as (
    select
        cohort_number,
        observations,
        cast(accounts as bigint) as accounts,
        churner_count as churners,
        cast(pairs as bigint) as pairs,
        {{ as_double('churner_count') }} / observations as base_rate,
        auc,
        auc_standard_error,
        case
            when auc_standard_error is not null
                then greatest(auc - {{ var('confidence_z') }} * auc_standard_error, 0)
        end as auc_lower,
        case
            when auc_standard_error is not null
                then least(auc + {{ var('confidence_z') }} * auc_standard_error, 1)
        end as auc_upper,
        worst_observations,
        worst_churners / {{ as_double('worst_observations') }} as precision_at_worst,
        worst_churners / nullif(churner_count, 0) as recall_at_worst,
        ks
    from errors
)

select * from intervals
