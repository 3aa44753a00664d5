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

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

score_days as (
    select
        measured_signals.*,
        measured_signals.date_day as score_date,
        milestone_signals.milestone_completion,
        milestone_signals.days_since_milestone,
        accounts.segment,
        accounts.product_category,
        health_model_versions.model_version,
        health_model_versions.coverage_floor,
        health_model_versions.min_peers,
        health_model_versions.max_missing_peer_share,
        case
            when measured_signals.is_subscribed = 0 then 'churned'
            when measured_signals.account_age_days < health_model_versions.min_account_age_days
                then 'too_early'
            else 'eligible'
        end as eligibility
    from measured_signals
    inner join milestone_signals
        on
            measured_signals.account_id = milestone_signals.account_id
            and measured_signals.date_day = milestone_signals.date_day
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    inner join health_model_versions
        on
            measured_signals.date_day >= health_model_versions.effective_from
            and measured_signals.date_day <= coalesce(
                health_model_versions.effective_to, cast('9999-12-31' as date)
            )
    where
        {{ iso_weekday('measured_signals.date_day') }} = {{ var('score_weekday') }}
        or measured_signals.date_day = accounts.ended_on
)

select * from score_days
