with

support_tickets as (
    select * from {{ source('ravenstack', 'support_tickets') }}
),

sent as (
    select
        ticket_id || '-1-sent' as event_id,
        'survey_sent' as event_type,
        account_id,
        try_cast(closed_at as timestamp) as occurred_at,
        json_object('survey_id', ticket_id, 'kind', 'csat') as payload
    from support_tickets
    where closed_at is not null
),

answered as (
    select
        ticket_id || '-2-answered' as event_id,
        'survey_answered' as event_type,
        account_id,
        try_cast(closed_at as timestamp) as occurred_at,
        json_object(
            'survey_id', ticket_id,
            'kind', 'csat',
            'score', try_cast(satisfaction_score as decimal(3, 1))
        ) as payload
    from support_tickets
    where satisfaction_score is not null
),

unioned as (
    select * from sent
    union all
    select * from answered
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
