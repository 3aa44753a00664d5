with

accounts as (
    select * from {{ source('ravenstack', 'accounts') }}
),

subscriptions as (
    select * from {{ source('ravenstack', 'subscriptions') }}
),

signed_up_on_trial as (
    select
        account_id || '-trial_started' as event_id,
        'trial_started' as event_type,
        account_id,
        try_cast(signup_date as timestamp) as occurred_at,
        json_object('plan', plan_tier) as payload
    from accounts
    where try_cast(is_trial as boolean)
),

-- The number keeps a start before a cancellation of the same day: ties are ordered by event id.
trial_started as (
    select
        subscription_id || '-1-trial_started' as event_id,
        'trial_started' as event_type,
        account_id,
        try_cast(start_date as timestamp) as occurred_at,
        json_object('plan', plan_tier) as payload
    from subscriptions
    where try_cast(is_trial as boolean)
),

started as (
    select
        subscription_id || '-1-started' as event_id,
        'subscription_started' as event_type,
        account_id,
        try_cast(start_date as timestamp) as occurred_at,
        json_object(
            'subscription_id', subscription_id,
            'plan', plan_tier,
            'seats', try_cast(seats as integer),
            'mrr', try_cast(mrr_amount as decimal(18, 2)),
            'currency', 'USD'
        ) as payload
    from subscriptions
    where try_cast(is_trial as boolean) is not true
),

cancelled as (
    select
        subscription_id || '-2-cancelled' as event_id,
        'subscription_cancelled' as event_type,
        account_id,
        try_cast(end_date as timestamp) as occurred_at,
        json_object('subscription_id', subscription_id, 'effective_on', end_date) as payload
    from subscriptions
    where end_date is not null
),

unioned as (
    select * from signed_up_on_trial
    union all
    select * from trial_started
    union all
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
