-- Churns: from the first day without a subscription until the account came back or `win_back_days`
-- were over, half-open; planned completions are no churns. One row per account and churn.
with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
    where is_subscribed is not null
),

task_settings as (
    select * from {{ ref('task_settings') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

days_with_previous as (
    select
        account_id,
        date_day,
        is_subscribed,
        lag(is_subscribed) over (partition by account_id order by date_day) as previously,
        min(case when is_subscribed = 1 then date_day end) over (
            partition by account_id order by date_day
            rows between 1 following and unbounded following
        ) as returned_on
    from measured_signals
),

-- A churn starts on a day without a subscription after one with it, or on the first day known.
churn_starts as (
    select
        days_with_previous.account_id,
        days_with_previous.date_day as first_seen_on,
        days_with_previous.returned_on,
        {{ add_days('days_with_previous.date_day', 'task_settings.win_back_days') }} as given_up_on
    from days_with_previous
    cross join task_settings
    left join completions
        on
            days_with_previous.account_id = completions.account_id
            and days_with_previous.date_day >= completions.completed_on
            and days_with_previous.date_day
            < coalesce(completions.returned_on, cast('9999-12-31' as date))
    where
        days_with_previous.is_subscribed = 0
        and coalesce(days_with_previous.previously, 1) <> 0
        and completions.account_id is null
),

churns_with_return as (
    select
        churn_starts.*,
        coalesce(returned_on < given_up_on, false) as has_returned
    from churn_starts
),

episodes as (
    select
        {{ id_of(
            "account_id || '|churn|' || cast(first_seen_on as " ~ dbt.type_string() ~ ")"
        ) }} as churn_episode_id,
        account_id,
        first_seen_on,
        has_returned,
        case when has_returned then returned_on else given_up_on end as cleared_on
    from churns_with_return
)

select * from episodes
