with

accounts as (
    select * from {{ source('ravenstack', 'accounts') }}
),

subscriptions as (
    select * from {{ source('ravenstack', 'subscriptions') }}
),

churn_events as (
    select * from {{ source('ravenstack', 'churn_events') }}
),

reported as (
    select
        account_id,
        reason_code,
        try_cast(churn_date as date) as left_on,
        row_number() over (
            partition by account_id order by churn_date desc, churn_event_id desc
        ) as recency
    from churn_events
),

-- What would start on the day that the account left or later never ran: it is no contract.
contracts as (
    select
        subscriptions.*,
        reported.reason_code,
        reported.left_on
    from subscriptions
    left join reported
        on subscriptions.account_id = reported.account_id and reported.recency = 1
    where coalesce(try_cast(subscriptions.start_date as date) < reported.left_on, true)
),

ends as (
    select
        contracts.*,
        coalesce(
            try_cast(end_date as date) > left_on, end_date is null and left_on is not null
        ) as is_ended_by_leaving
    from contracts
),

effective as (
    select
        subscription_id,
        account_id,
        case when is_ended_by_leaving then reason_code end as reason,
        case
            when is_ended_by_leaving then cast(left_on as varchar) else end_date
        end as effective_on
    from ends
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
    from contracts
    where try_cast(is_trial as boolean) is not true
),

cancelled as (
    select
        subscription_id || '-2-cancelled' as event_id,
        'subscription_cancelled' as event_type,
        account_id,
        try_cast(effective_on as timestamp) as occurred_at,
        json_object(
            'subscription_id', subscription_id, 'reason', reason, 'effective_on', effective_on
        ) as payload
    from effective
    where effective_on is not null
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
