with

registrations as (
    select * from {{ source('oulad', 'registrations') }}
),

enrolments as (
    select
        concat_ws('-', code_module, code_presentation, cast(id_student as bigint)) as account_id,
        cast(cast(id_student as bigint) as varchar) as user_id,
        code_module || ' ' || code_presentation as course,
        {{ course_day('code_presentation', 'date_registration') }} as registered_at,
        {{ course_day('code_presentation', 0) }} as course_started_at
    from registrations
),

created as (
    select
        account_id || '-1-created' as event_id,
        'account_created' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        registered_at as occurred_at,
        json_object(
            'name', 'Learner ' || user_id || ' in ' || course,
            'product_category', 'course',
            'plan', course
        ) as payload
    from enrolments
),

contact_added as (
    select
        account_id || '-2-contact_added' as event_id,
        'contact_added' as event_type,
        account_id,
        user_id,
        registered_at as occurred_at,
        json_object('persona', 'end_user') as payload
    from enrolments
),

onboarding_started as (
    select
        account_id || '-3-onboarding_started' as event_id,
        'onboarding_started' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        case
            when registered_at > course_started_at then registered_at
            when registered_at is not null then course_started_at
        end as occurred_at,
        json_object() as payload
    from enrolments
),

unioned as (
    select * from created
    union all
    select * from contact_added
    union all
    select * from onboarding_started
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        user_id,
        occurred_at,
        occurred_at as loaded_at,
        cast(payload as varchar) as payload
    from unioned
)

select * from enveloped
