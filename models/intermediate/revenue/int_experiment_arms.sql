-- The arm of each account in an experiment: that of its first assignment. One row per experiment
-- and account.
with

assignments as (
    select * from {{ ref('stg_crm__experiment_assignments') }}
),

onboarding_experiments as (
    select * from {{ ref('onboarding_experiments') }}
),

ordered_assignments as (
    select
        account_id,
        experiment_id,
        variant,
        {{ day_of('occurred_at') }} as assigned_on,
        row_number() over (
            partition by account_id, experiment_id
            order by occurred_at, loaded_at, event_id
        ) as assignment_number
    from assignments
),

arms as (
    select
        assignments.experiment_id,
        assignments.account_id,
        assignments.variant,
        assignments.variant = experiments.treatment_variant as is_treatment,
        assignments.assigned_on
    from ordered_assignments as assignments
    inner join onboarding_experiments as experiments
        on
            assignments.experiment_id = experiments.experiment_id
            and assignments.variant in (
                experiments.treatment_variant, experiments.control_variant
            )
    where assignments.assignment_number = 1
)

select * from arms
