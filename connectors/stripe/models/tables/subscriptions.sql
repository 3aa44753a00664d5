-- When each subscription is paid from, after its trial, and when it ended. One row per
-- subscription.
with

versions as (
    select * from {{ ref('subscription_versions') }}
),

latest_versions as (
    select
        versions.*,
        row_number() over (
            partition by subscription_id order by version_number desc
        ) as recency
    from versions
),

-- A trial that still runs, or a first payment that never came, is paid from no day.
subscriptions as (
    select
        subscription_id,
        customer_id,
        trial_starts_at,
        ended_at,
        case
            when
                status in ('active', 'past_due', 'unpaid', 'paused', 'canceled')
                and coalesce(
                    ended_at > greatest(starts_at, coalesce(trial_ends_at, starts_at)), true
                )
                then greatest(starts_at, coalesce(trial_ends_at, starts_at))
        end as paid_from,
        max(synced_at) over () as read_at
    from latest_versions
    where recency = 1
)

select * from subscriptions
