-- The signals of each account on its score dates (score weekdays and its last day), with the model
-- version and eligibility. One row per account, score date and track.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

milestone_signals as (
    select * from {{ ref('int_milestone_signals') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

lifecycle_stages as (
    select * from {{ ref('lifecycle_stages') }}
),

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

stage_ranges as (
    select
        stage,
        from_day,
        lead(from_day) over (order by from_day) as next_from_day
    from lifecycle_stages
),

account_dates as (
    select
        measured_signals.*,
        accounts.segment,
        accounts.product_category,
        stage_ranges.stage
    from measured_signals
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    inner join stage_ranges
        on
            measured_signals.account_age_days >= stage_ranges.from_day
            and coalesce(measured_signals.account_age_days < stage_ranges.next_from_day, true)
    where
        {{ is_score_weekday('measured_signals.date_day') }}
        or measured_signals.date_day = accounts.ended_on
),

-- Versions are chosen once for all accounts of a date, segment and stage.
segment_stages as (
    select distinct
        date_day,
        segment,
        stage
    from account_dates
),

-- A version for the segment itself goes before one for any, then one for the stage itself.
ranked_versions as (
    select
        segment_stages.date_day,
        segment_stages.segment,
        segment_stages.stage,
        health_model_versions.track,
        health_model_versions.model_version,
        health_model_versions.min_account_age_days,
        health_model_versions.coverage_floor,
        health_model_versions.min_peers,
        health_model_versions.max_missing_peer_share,
        health_model_versions.unobserved_decay_per_day,
        row_number() over (
            partition by
                segment_stages.date_day,
                segment_stages.segment,
                segment_stages.stage,
                health_model_versions.track
            order by
                case when health_model_versions.segment = 'any' then 1 else 0 end,
                case when health_model_versions.stage = 'any' then 1 else 0 end
        ) as preference_rank
    from segment_stages
    inner join health_model_versions
        on
            segment_stages.date_day >= health_model_versions.effective_from
            and coalesce(segment_stages.date_day <= health_model_versions.effective_to, true)
            and health_model_versions.segment in (segment_stages.segment, 'any')
            and health_model_versions.stage in (segment_stages.stage, 'any')
),

-- An account that has no terms yet (is_subscribed is null) can be scored.
score_days as (
    select
        account_dates.*,
        account_dates.date_day as score_date,
        milestone_signals.milestone_completion_due,
        milestone_signals.milestone_completion_all,
        milestone_signals.milestone_completion_damped,
        milestone_signals.milestones_on_time_share,
        milestone_signals.milestone_momentum,
        milestone_signals.days_since_milestone,
        ranked_versions.track,
        ranked_versions.model_version,
        ranked_versions.coverage_floor,
        ranked_versions.min_peers,
        ranked_versions.max_missing_peer_share,
        ranked_versions.unobserved_decay_per_day,
        case
            when account_dates.is_subscribed = 0 and completions.account_id is not null
                then 'completed'
            when account_dates.is_subscribed = 0 then 'churned'
            when account_dates.account_age_days < ranked_versions.min_account_age_days
                then 'too_early'
            else 'eligible'
        end as eligibility
    from account_dates
    inner join ranked_versions
        on
            account_dates.date_day = ranked_versions.date_day
            and account_dates.segment = ranked_versions.segment
            and account_dates.stage = ranked_versions.stage
            and ranked_versions.preference_rank = 1
    inner join milestone_signals
        on
            account_dates.account_id = milestone_signals.account_id
            and account_dates.date_day = milestone_signals.date_day
    left join completions
        on
            account_dates.account_id = completions.account_id
            and account_dates.date_day >= completions.completed_on
            and account_dates.date_day
            < coalesce(completions.returned_on, cast('9999-12-31' as date))
)

select * from score_days
