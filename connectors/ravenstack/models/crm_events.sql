with

accounts as (
    select * from {{ source('ravenstack', 'accounts') }}
),

churn_events as (
    select * from {{ source('ravenstack', 'churn_events') }}
),

created as (
    select
        account_id || '-created' as event_id,
        'account_created' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        try_cast(signup_date as timestamp) as occurred_at,
        try_cast(signup_date as timestamp) as loaded_at,
        cast(
            json_object(
                'name', account_name,
                'industry', industry,
                'country', country,
                'product_category', 'ravenstack',
                'plan', plan_tier
            ) as varchar
        ) as payload
    from accounts
),

-- What somebody reported, each time; the last report also ends the subscriptions, in billing.
churn_reported as (
    select
        churn_event_id as event_id,
        'note_logged' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        try_cast(churn_date as timestamp) as occurred_at,
        try_cast(churn_date as timestamp) as loaded_at,
        cast(json_object('topic', 'churn_reported') as varchar) as payload
    from churn_events
),

unioned as (
    select * from created
    union all
    select * from churn_reported
)

select * from unioned
