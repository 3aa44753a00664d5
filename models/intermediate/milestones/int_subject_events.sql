-- Events that milestone criteria count, with the onboarding in which they count. One row per event,
-- onboarding and subject.
{{ config(materialized='view') }}

with

events as (
    select
        source,
        event_type,
        account_id,
        user_id,
        event_id,
        occurred_at,
        {{ day_of('occurred_at') }} as date_day
    from {{ ref('base_counted_events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

onboardings as (
    select * from {{ ref('int_onboardings') }}
),

subjects as (
    select * from {{ ref('int_milestone_subjects') }}
),

memberships as (
    select * from {{ ref('base_memberships') }}
),

-- Events before the start count on the first day, in the first onboarding only. A user whose
-- persona is unknown counts for every persona. Memberships are half-open: [member_from, member_to).
subject_events as (
    select
        events.account_id,
        onboardings.onboarding_number,
        subjects.subject,
        events.user_id,
        events.event_id,
        events.occurred_at,
        greatest(events.date_day, onboardings.started_on) as date_day
    from events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join accounts
        on events.account_id = accounts.account_id and events.date_day <= accounts.ended_on
    inner join onboardings
        on
            events.account_id = onboardings.account_id
            and (
                onboardings.onboarding_number = 1
                or events.date_day >= onboardings.started_on
            )
    left join memberships
        on
            case when subjects.persona is not null then events.user_id end = memberships.user_id
            and events.account_id = memberships.account_id
            and events.occurred_at >= memberships.member_from
            and events.occurred_at < memberships.member_to
    where coalesce(memberships.persona = subjects.persona, true)
)

select * from subject_events
