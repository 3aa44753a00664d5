with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

churn_episodes as (
    select * from {{ ref('int_churn_episodes') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

interventions as (
    select * from {{ ref('fct_interventions') }}
    where trigger_type = 'churn'
),

task_settings as (
    select * from {{ ref('task_settings') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

asked as (
    select
        account_id,
        wanted_on,
        max(case when is_treated then 1 else 0 end) as is_treated
    from interventions
    group by account_id, wanted_on
),

-- Whose days are over, so that who may still come back counts on neither side.
left_accounts as (
    select
        churn_episodes.churn_episode_id,
        accounts.segment,
        case when churn_episodes.has_returned then 1 else 0 end as has_returned,
        coalesce(max(asked.is_treated), 0) as is_treated,
        count(asked.account_id) as task_count
    from churn_episodes
    cross join build_moment
    cross join task_settings
    inner join accounts
        on churn_episodes.account_id = accounts.account_id
    left join asked
        on
            churn_episodes.account_id = asked.account_id
            and churn_episodes.first_seen_on <= asked.wanted_on
            and churn_episodes.cleared_on > asked.wanted_on
    where
        {{ add_days('churn_episodes.first_seen_on', 'task_settings.win_back_days') }}
        <= build_moment.as_of
    group by
        churn_episodes.churn_episode_id, accounts.segment, churn_episodes.has_returned
),

scopes as (
    select segment, segment as segment_scope from size_classes
    union all
    select segment, 'all' as segment_scope from size_classes
),

counted as (
    select
        scopes.segment_scope as segment,
        count(left_accounts.churn_episode_id) as left_count,
        coalesce(sum(case when left_accounts.task_count > 0 then 1 else 0 end), 0)
            as asked_count,
        coalesce(sum(left_accounts.is_treated), 0) as treated_count,
        coalesce(sum(left_accounts.has_returned), 0) as returned_count,
        coalesce(sum(left_accounts.has_returned * left_accounts.is_treated), 0)
            as treated_returned_count
    from scopes
    left join left_accounts
        on scopes.segment = left_accounts.segment
    group by scopes.segment_scope
),

outcomes as (
    select
        counted.segment,
        task_settings.win_back_days,
        cast(counted.left_count as bigint) as left_count,
        cast(counted.asked_count as bigint) as asked_count,
        cast(counted.treated_count as bigint) as treated_count,
        cast(counted.returned_count as bigint) as returned_count,
        cast(counted.treated_returned_count as bigint) as treated_returned_count,
        {{ ratio('counted.treated_returned_count', 'counted.treated_count') }}
            as treated_reactivation_rate,
        {{ round_half_up(
            wilson_bound('counted.treated_returned_count', 'counted.treated_count', '-'), 6
        ) }} as treated_reactivation_lower,
        {{ round_half_up(
            wilson_bound('counted.treated_returned_count', 'counted.treated_count', '+'), 6
        ) }} as treated_reactivation_upper,
        {{ ratio(
            '(counted.returned_count - counted.treated_returned_count)',
            '(counted.left_count - counted.treated_count)'
        ) }} as untreated_reactivation_rate
    from counted
    cross join task_settings
)

select * from outcomes
