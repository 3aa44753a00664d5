with

events as (
    select
        account_id,
        user_id,
        source,
        event_type,
        cast(occurred_at as date) as date_day
    from {{ events_to_count() }}
    where user_id is not null
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

user_criteria as (
    select distinct subject from {{ ref('milestone_criteria') }}
    where measure in ('event_users', 'event_user_share')
),

subjects as (
    select subjects.*
    from {{ ref('int_milestone_subjects') }} as subjects
    inner join user_criteria
        on subjects.subject = user_criteria.subject
),

first_days as (
    select
        events.account_id,
        subjects.subject,
        events.user_id,
        min(events.date_day) as date_day
    from events
    inner join subjects
        on
            events.event_type = subjects.event_type
            and (events.source = 'product' or not subjects.is_role)
    inner join updates
        on events.account_id = updates.account_id
    where events.date_day between updates.{{ first_day() }} and updates.ended_on
    group by events.account_id, subjects.subject, events.user_id
),

subject_users as (
    select first_days.*
    from first_days
    {% if is_incremental() -%}
    left join {{ this }} as kept
        on
            first_days.account_id = kept.account_id
            and first_days.subject = kept.subject
            and first_days.user_id = kept.user_id
    where kept.user_id is null
    {%- endif %}
)

select * from subject_users
