-- Arms of the experiments to which an onboarding was assigned while it was the account's latest.
-- One row per onboarding with an assignment.
with

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

assignments as (
    select * from {{ ref('int_experiment_assignments') }}
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
            "assignments.experiment_id || ': ' || assignments.variant", separator='; '
        ) }} as variant
    from assignments
    inner join onboardings_with_next
        on
            assignments.account_id = onboardings_with_next.account_id
            and (
                onboardings_with_next.onboarding_number = 1
                or assignments.occurred_at >= onboardings_with_next.started_at
            )
            and coalesce(
                assignments.occurred_at < onboardings_with_next.next_started_at, true
            )
    group by onboardings_with_next.account_id, onboardings_with_next.onboarding_number
)

select * from variants
