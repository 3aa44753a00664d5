-- The arm of each account in an experiment: that of its first assignment. One row per experiment
-- and account.
with

assignments as (
    select * from {{ ref('int_experiment_assignments') }}
),

onboarding_experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

arms as (
    select
        assignments.experiment_id,
        assignments.account_id,
        assignments.variant,
        assignments.variant = experiments.treatment_variant as is_treatment,
        {{ day_of('assignments.occurred_at') }} as assigned_on
    from assignments
    inner join onboarding_experiments as experiments
        on
            assignments.experiment_id = experiments.experiment_id
            and assignments.variant in (
                experiments.treatment_variant, experiments.control_variant
            )
)

select * from arms
