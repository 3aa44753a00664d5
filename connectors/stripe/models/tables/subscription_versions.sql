-- What is known of each live subscription from when on: the versions of the history table, else the
-- one overwritten row, which is known since it was last read. One row per subscription and version.
with

history as (
    select * from {{ source('stripe', 'subscription_history') }}
),

subscriptions as (
    select * from {{ source('stripe', 'subscription') }}
),

rows_of_both as (
    select
        *,
        true as is_history
    from history
    union all by name
    select
        *,
        false as is_history
    from subscriptions
    where id not in (select history.id from history where history.id is not null)
),

moments as (
    select
        id as subscription_id,
        customer_id,
        status,
        is_history,
        pause_collection_behavior is not null or status = 'paused' as is_paused,
        cancellation_feedback as reason,
        {{ moment('coalesce(_fivetran_start, _fivetran_synced)') }} as known_from,
        {{ moment('_fivetran_synced') }} as synced_at,
        coalesce({{ moment('start_date') }}, {{ moment('created') }}) as starts_at,
        {{ moment('trial_start') }} as trial_starts_at,
        {{ moment('trial_end') }} as trial_ends_at,
        {{ moment('canceled_at') }} as cancelled_at,
        coalesce(
            {{ moment('ended_at') }},
            case when status = 'canceled' then {{ moment('canceled_at') }} end
        ) as ended_at,
        coalesce(
            {{ moment('cancel_at') }},
            case
                when {{ is_true('cancel_at_period_end') }} then {{ moment('current_period_end') }}
            end
        ) as cancels_at
    from rows_of_both
    where coalesce(try_cast(livemode as boolean), true)
),

subscription_versions as (
    select
        moments.*,
        row_number() over (
            partition by subscription_id order by known_from, synced_at
        ) as version_number,
        lead(known_from) over (
            partition by subscription_id order by known_from, synced_at
        ) as known_until,
        cast(coalesce(ended_at, cancels_at) as date) as ends_on
    from moments
)

select * from subscription_versions
