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

followed as (
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

dated as (
    select
        followed.account_id,
        followed.date_day as first_seen_on,
        followed.returned_on,
        {{ add_days('followed.date_day', 'task_settings.win_back_days') }} as given_up_on
    from followed
    cross join task_settings
    left join completions
        on
            followed.account_id = completions.account_id
            and followed.date_day >= completions.completed_on
            and coalesce(followed.date_day < completions.returned_on, true)
    where
        followed.is_subscribed = 0
        and coalesce(followed.previously, 1) <> 0
        and completions.account_id is null
),

judged as (
    select
        dated.*,
        coalesce(returned_on < given_up_on, false) as has_returned
    from dated
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
    from judged
)

select * from episodes
