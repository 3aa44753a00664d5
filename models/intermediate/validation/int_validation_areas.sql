with

placements as (
    select * from {{ ref('int_validation_placements') }}
),

areas as (
    select
        placements.*,
        placement / (2 * churners * retained) as auc
    from placements
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
        worst_churners / worst_observations as precision_at_worst,
        worst_churners / nullif(churner_count, 0) as recall_at_worst,
        ks
    from errors
)

select * from intervals
