-- Arms of the experiments to which an onboarding was assigned while it was the account's latest.
-- The first assignment to each experiment counts. One row per onboarding with an assignment.
with

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

assignments as (
    select * from {{ ref('stg_crm__experiment_assignments') }}
),

first_assignments as (
    select
        account_id,
        experiment_id,
        variant,
        occurred_at,
        row_number() over (
            partition by account_id, experiment_id order by occurred_at, event_id
        ) as assignment_number
    from assignments
    where experiment_id is not null and variant is not null
),

onboardings_with_next as (
    select
        account_id,
        onboarding_number,
        started_at,
        lead(started_at) over (
            partition by account_id order by onboarding_number
        ) as next_started_at
    from onboardings
),

variants as (
    select
        onboardings_with_next.account_id,
        onboardings_with_next.onboarding_number,
        {{ joined_texts(
            "first_assignments.experiment_id || ': ' || first_assignments.variant", separator='; '
        ) }} as variant
    from first_assignments
    inner join onboardings_with_next
        on
            first_assignments.account_id = onboardings_with_next.account_id
            and (
                onboardings_with_next.onboarding_number = 1
                or first_assignments.occurred_at >= onboardings_with_next.started_at
            )
            and coalesce(
                first_assignments.occurred_at < onboardings_with_next.next_started_at, true
            )
    where first_assignments.assignment_number = 1
    group by onboardings_with_next.account_id, onboardings_with_next.onboarding_number
)

select * from variants
