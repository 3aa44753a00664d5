{%- set untreated_returned = '(counts.away_returned_count - counts.treated_returned_count)' -%}
{%- set untreated = '(counts.away_count - counts.treated_count)' -%}

-- How many accounts that had left came back, treated or not, by a landmark analysis with Wilson
-- intervals. One row per segment.
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

-- Only episodes whose window is over: the others may still come back.
left_accounts as (
    select
        churn_episodes.churn_episode_id,
        churn_episodes.account_id,
        accounts.segment,
        churn_episodes.first_seen_on,
        churn_episodes.cleared_on,
        {{ add_days('churn_episodes.first_seen_on', 'task_settings.win_back_landmark_days') }}
            as landmark_on,
        case when churn_episodes.has_returned then 1 else 0 end as has_returned
    from churn_episodes
    cross join build_moment
    cross join task_settings
    inner join accounts
        on churn_episodes.account_id = accounts.account_id
    where
        {{ add_days('churn_episodes.first_seen_on', 'task_settings.win_back_days') }}
        <= build_moment.as_of
),

-- Landmark: treated means treated by then. It avoids immortal time, since later treatments happen
-- only to accounts that stayed away. Accounts back by the landmark are in neither arm.
asked_episodes as (
    select
        left_accounts.churn_episode_id,
        max(
            case
                when
                    interventions.is_treated
                    and {{ day_of('interventions.completed_at') }} <= left_accounts.landmark_on
                    then 1
                else 0
            end
        ) as is_treated
    from left_accounts
    inner join interventions
        on
            left_accounts.account_id = interventions.account_id
            and left_accounts.first_seen_on <= interventions.wanted_on
            and left_accounts.cleared_on > interventions.wanted_on
    group by left_accounts.churn_episode_id
),

episodes as (
    select
        left_accounts.churn_episode_id,
        left_accounts.segment,
        left_accounts.has_returned,
        case when asked_episodes.churn_episode_id is null then 0 else 1 end as is_asked,
        case when left_accounts.cleared_on > left_accounts.landmark_on then 1 else 0 end as is_away,
        coalesce(asked_episodes.is_treated, 0) as is_treated
    from left_accounts
    left join asked_episodes
        on left_accounts.churn_episode_id = asked_episodes.churn_episode_id
),

scopes as (
    select segment, segment as segment_scope from size_classes
    union all
    select segment, 'all' as segment_scope from size_classes
),

counts as (
    select
        scopes.segment_scope as segment,
        count(episodes.churn_episode_id) as left_count,
        coalesce(sum(episodes.is_asked), 0) as asked_count,
        coalesce(sum(episodes.has_returned), 0) as returned_count,
        coalesce(sum(episodes.is_away), 0) as away_count,
        coalesce(sum(episodes.is_away * episodes.is_treated), 0) as treated_count,
        coalesce(sum(episodes.is_away * episodes.has_returned), 0) as away_returned_count,
        coalesce(sum(episodes.is_away * episodes.is_treated * episodes.has_returned), 0)
            as treated_returned_count
    from scopes
    left join episodes
        on scopes.segment = episodes.segment
    group by scopes.segment_scope
),

outcomes as (
    select
        counts.segment,
        task_settings.win_back_days,
        task_settings.win_back_landmark_days,
        cast(counts.left_count as bigint) as left_count,
        cast(counts.asked_count as bigint) as asked_count,
        cast(counts.returned_count as bigint) as returned_count,
        cast(counts.away_count as bigint) as away_count,
        cast(counts.treated_count as bigint) as treated_count,
        cast(counts.away_returned_count as bigint) as away_returned_count,
        cast(counts.treated_returned_count as bigint) as treated_returned_count,
        {{ ratio('counts.treated_returned_count', 'counts.treated_count') }}
            as treated_reactivation_rate,
        {{ round_half_up(
            wilson_bound('counts.treated_returned_count', 'counts.treated_count', '-'), 6
        ) }} as treated_reactivation_lower,
        {{ round_half_up(
            wilson_bound('counts.treated_returned_count', 'counts.treated_count', '+'), 6
        ) }} as treated_reactivation_upper,
        {{ ratio(untreated_returned, untreated) }} as untreated_reactivation_rate,
        {{ round_half_up(wilson_bound(untreated_returned, untreated, '-'), 6) }}
            as untreated_reactivation_lower,
        {{ round_half_up(wilson_bound(untreated_returned, untreated, '+'), 6) }}
            as untreated_reactivation_upper
    from counts
    cross join task_settings
)

select * from outcomes
