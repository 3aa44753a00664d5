with

feature_usage as (
    select * from {{ source('ravenstack', 'feature_usage') }}
),

subscriptions as (
    select * from {{ source('ravenstack', 'subscriptions') }}
),

placed as (
    select
        feature_usage.usage_id,
        subscriptions.account_id,
        feature_usage.feature_name,
        try_cast(feature_usage.usage_count as integer) as usage_count,
        try_cast(feature_usage.usage_duration_secs as integer) as usage_duration_secs,
        try_cast(feature_usage.error_count as integer) as error_count,
        try_cast(feature_usage.is_beta_feature as boolean) as is_beta_feature,
        try_cast(feature_usage.usage_date as timestamp) as used_at
    from feature_usage
    left join subscriptions
        on feature_usage.subscription_id = subscriptions.subscription_id
),

used as (
    select
        usage_id as event_id,
        feature_name || '_used' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        used_at as occurred_at,
        used_at as loaded_at,
        cast(
            json_object(
                'usage_count', usage_count,
                'usage_duration_secs', usage_duration_secs,
                'is_beta_feature', is_beta_feature
            ) as varchar
        ) as payload
    from placed
),

failed as (
    select
        usage_id || '-error' as event_id,
        'usage_error' as event_type,
        account_id,
        cast(null as varchar) as user_id,
        used_at as occurred_at,
        used_at as loaded_at,
        cast(
            json_object('feature', feature_name, 'error_count', error_count) as varchar
        ) as payload
    from placed
    where error_count > 0
),

unioned as (
    select * from used
    union all
    select * from failed
)

select * from unioned
