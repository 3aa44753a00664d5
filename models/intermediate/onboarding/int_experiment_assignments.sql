-- The first assignment of an account to each experiment; later ones don't count. One row per
-- account and experiment.
with

assignments as (
    select * from {{ ref('stg_crm__experiment_assignments') }}
),

ordered_assignments as (
    select
        account_id,
        experiment_id,
        variant,
        occurred_at,
        row_number() over (
            partition by account_id, experiment_id
            order by occurred_at, loaded_at, event_id
        ) as assignment_number
    from assignments
),

first_assignments as (
    select
        account_id,
        experiment_id,
        variant,
        occurred_at
    from ordered_assignments
    where assignment_number = 1
)

select * from first_assignments
