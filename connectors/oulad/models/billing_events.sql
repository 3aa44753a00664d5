with

registrations as (
    select * from {{ source('oulad', 'registrations') }}
),

enrolments as (
    select
        concat_ws('-', code_module, code_presentation, cast(id_student as bigint)) as account_id,
        code_module || ' ' || code_presentation as course,
        {{ course_day('code_presentation', 'date_registration') }} as registered_at,
        {{ course_day('code_presentation', 'date_unregistration') }} as withdrawn_at
    from registrations
),

started as (
    select
        account_id || '-1-started' as event_id,
        'subscription_started' as event_type,
        account_id,
        registered_at as occurred_at,
        json_object(
            'subscription_id', account_id,
            'plan', course,
            'seats', 1,
            'mrr', 0,
            'currency', 'GBP'
        ) as payload
    from enrolments
),

cancelled as (
    select
        account_id || '-2-cancelled' as event_id,
        'subscription_cancelled' as event_type,
        account_id,
        withdrawn_at as occurred_at,
        json_object(
            'subscription_id', account_id,
            'effective_on', cast(withdrawn_at as date)
        ) as payload
    from enrolments
    where withdrawn_at is not null
),

unioned as (
    select * from started
    union all
    select * from cancelled
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        cast(null as varchar) as user_id,
        occurred_at,
        occurred_at as loaded_at,
        cast(payload as varchar) as payload
    from unioned
)

select * from enveloped
