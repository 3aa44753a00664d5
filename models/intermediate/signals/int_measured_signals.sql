-- All signals but those of milestones, side by side. One row per account and day.
with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

usage as (
    select * from {{ ref('int_usage_signals') }}
),

seat_signals as (
    select * from {{ ref('int_seat_signals') }}
),

support as (
    select * from {{ ref('int_support_signals') }}
),

billing as (
    select * from {{ ref('int_billing_signals') }}
),

engagement as (
    select * from {{ ref('int_engagement_signals') }}
),

measured_signals as (
    select
        account_days.account_id,
        account_days.date_day,
        {{ days_between('account_days.started_on', 'account_days.date_day') }} as account_age_days,
        usage.events_7d,
        usage.events_30d,
        usage.logins_7d,
        usage.logins_30d,
        usage.sessions_7d,
        usage.sessions_30d,
        usage.active_users_1d,
        usage.active_users_7d,
        usage.active_users_30d,
        usage.dau_mau_30d,
        usage.wau_mau_30d,
        usage.new_users_30d,
        usage.retained_users_30d,
        usage.returning_users_30d,
        usage.dormant_users_30d,
        usage.active_days_7d,
        usage.active_days_30d,
        usage.sessions_per_active_user_7d,
        usage.session_change_7d,
        usage.sessions_baseline_share_7d,
        usage.usage_growth_28d,
        usage.core_events_7d,
        usage.value_events_30d,
        usage.metered_events_30d,
        usage.features_used_30d,
        usage.modules_used_30d,
        usage.module_coverage_30d,
        usage.depth_score_30d,
        usage.error_rate_7d,
        usage.api_calls_per_day_7d,
        usage.session_depth_30d,
        usage.guided_task_share,
        usage.configuration_maturity,
        -- Several users may have shared a seat, so the share is at most 1.
        case
            when usage.active_users_30d > billing.seats and billing.seats > 0 then 1
            else {{ ratio('usage.active_users_30d', 'billing.seats') }}
        end as seats_used_share_30d,
        case
            when usage.active_users_30d < billing.seats
                then billing.seats - usage.active_users_30d
            when usage.active_users_30d >= billing.seats then 0
        end as idle_seats_30d,
        case
            when usage.active_users_30d > billing.seats
                then usage.active_users_30d - billing.seats
            when usage.active_users_30d <= billing.seats then 0
        end as users_beyond_seats_30d,
        seat_signals.assigned_seats,
        {{ ratio('seat_signals.assigned_seats', 'billing.seats') }} as assigned_seats_share,
        case
            when usage.active_users_30d is not null then seat_signals.idle_assigned_seats_30d
        end as idle_assigned_seats_30d,
        seat_signals.replaced_seats_30d,
        support.tickets_opened_30d,
        support.tickets_open,
        support.tickets_awaiting_us,
        support.oldest_ticket_days,
        support.median_ticket_days,
        case
            when usage.active_users_30d = 0
                then cast(nullif(support.tickets_opened_30d, 0) as decimal(18, 6))
            else {{ ratio('support.tickets_opened_30d', 'usage.active_users_30d') }}
        end as tickets_per_user_30d,
        support.first_response_hours_30d,
        support.first_response_median_hours_30d,
        support.first_response_business_hours_30d,
        support.sla_breaches_30d,
        support.sla_breach_rate_90d,
        support.resolution_breaches_30d,
        support.resolution_breach_rate_90d,
        support.tickets_solved_30d,
        support.resolution_median_hours_30d,
        support.wait_median_hours_30d,
        support.first_contact_share_90d,
        support.tickets_escalated_30d,
        support.escalated_ticket_share_90d,
        support.tickets_reopened_30d,
        support.reopened_ticket_share_90d,
        support.replies_per_ticket_90d,
        support.expansion_requests_90d,
        billing.is_subscribed,
        billing.arr,
        billing.committed_arr,
        billing.variable_revenue_annual,
        billing.seats,
        billing.days_overdue,
        billing.overdue_amount,
        billing.payment_delay_days_365d,
        billing.days_to_renewal,
        {{ ratio('usage.metered_events_30d', 'billing.usage_cap') }} as usage_cap_share_30d,
        engagement.nps_answers_180d,
        engagement.nps_180d,
        engagement.nps_score_180d,
        engagement.nps_last_score_180d,
        engagement.nps_dropped_users_180d,
        engagement.days_since_nps,
        engagement.csat_answers_90d,
        engagement.csat_90d,
        engagement.csat_score_90d,
        engagement.days_since_csat,
        engagement.survey_response_rate_90d,
        engagement.note_sentiment_90d,
        engagement.days_since_note
    from account_days
    left join usage
        on
            account_days.account_id = usage.account_id
            and account_days.date_day = usage.date_day
    left join seat_signals
        on
            account_days.account_id = seat_signals.account_id
            and account_days.date_day = seat_signals.date_day
    left join support
        on
            account_days.account_id = support.account_id
            and account_days.date_day = support.date_day
    left join billing
        on
            account_days.account_id = billing.account_id
            and account_days.date_day = billing.date_day
    left join engagement
        on
            account_days.account_id = engagement.account_id
            and account_days.date_day = engagement.date_day
)

select * from measured_signals
