with

plan as (
    select * from {{ ref('int_milestone_plan') }}
),

criteria as (
    select
        *,
        greatest(
            case when operator = '>=' then ceil(threshold) else floor(threshold) + 1 end, 1
        ) as needed_count
    from {{ ref('milestone_criteria') }}
    where measure <> 'signal'
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

all_events as (
    select * from {{ ref('base_resolved_events') }}
    where reject_reason is null
),

subjects as (
    select distinct subject, subject as event_type from criteria
    where subject not like 'role:%'
    union all
    select distinct criteria.subject, tracking_plan.event_type
    from criteria
    inner join tracking_plan
        on criteria.subject = 'role:' || tracking_plan.role  -- noqa: ST09
),

accounts as (
    select distinct account_id, started_at, ended_on from plan
),

subject_events as (
    select
        subjects.subject,
        all_events.account_id,
        all_events.user_id,
        all_events.event_id,
        all_events.occurred_at
    from all_events
    inner join subjects
        on all_events.event_type = subjects.event_type
    inner join accounts
        on
            all_events.account_id = accounts.account_id
            and all_events.occurred_at >= accounts.started_at
            and cast(all_events.occurred_at as date) <= accounts.ended_on
    where subjects.subject not like 'role:%' or all_events.source = 'product'
),

numbered as (
    select
        subject_events.*,
        row_number() over (
            partition by account_id, subject order by occurred_at, event_id
        ) as event_number,
        row_number() over (
            partition by account_id, subject, user_id order by occurred_at, event_id
        ) as event_number_of_user
    from subject_events
),

user_firsts as (
    select
        numbered.*,
        row_number() over (
            partition by account_id, subject order by occurred_at, event_id
        ) as user_number
    from numbered
    where event_number_of_user = 1 and user_id is not null
),

steps as (
    select
        account_id,
        subject,
        'event_count' as measure,
        event_id,
        occurred_at,
        event_number as reached
    from numbered
    union all
    select
        account_id,
        subject,
        'event_users' as measure,
        event_id,
        occurred_at,
        user_number as reached
    from user_firsts
    union all
    select
        user_firsts.account_id,
        user_firsts.subject,
        'event_user_share' as measure,
        user_firsts.event_id,
        user_firsts.occurred_at,
        cast(user_firsts.user_number as double) / measured_signals.seats as reached
    from user_firsts
    inner join measured_signals
        on
            user_firsts.account_id = measured_signals.account_id
            and cast(user_firsts.occurred_at as date) = measured_signals.date_day
    where measured_signals.seats > 0
),

reached as (
    select
        plan.account_id,
        plan.milestone_id,
        criteria.phase,
        criteria.measure,
        criteria.subject,
        steps.event_id,
        steps.occurred_at,
        row_number() over (
            partition by
                plan.account_id,
                plan.milestone_id,
                criteria.phase,
                criteria.measure,
                criteria.subject,
                criteria.operator, criteria.threshold
            order by steps.occurred_at, steps.event_id
        ) as choice
    from plan
    inner join criteria
        on plan.milestone_id = criteria.milestone_id
    inner join steps
        on
            plan.account_id = steps.account_id
            and criteria.measure = steps.measure
            and criteria.subject = steps.subject
            and case
                when
                    criteria.measure <> 'event_user_share'
                    then criteria.needed_count = steps.reached
                when criteria.operator = '>=' then criteria.threshold <= steps.reached
                else criteria.threshold < steps.reached
            end
),

event_times as (
    select
        account_id,
        milestone_id,
        phase,
        measure,
        subject,
        event_id,
        occurred_at as reached_at
    from reached
    where choice = 1
)

select * from event_times
