{#- The value, as a decimal, of the signal that an expression names, from a row with one column per
    signal. It unpivots the wide table inside a join, in one scan. A test keeps this list, the signals
    seed and the columns of fct_account_signals equal. -#}
{% macro signal_value(signal, with_milestones=true) -%}
    case {{ signal }}
        {% for column in signal_columns(with_milestones) -%}
        when '{{ column }}' then cast({{ column }} as decimal(24, 6))
        {% endfor -%}
    end
{%- endmacro %}

{% macro signal_columns(with_milestones=true) %}
    {{- return([
        'account_age_days',
        'events_7d', 'events_30d', 'logins_7d', 'logins_30d',
        'sessions_7d', 'sessions_30d',
        'active_users_1d', 'active_users_7d', 'active_users_30d', 'dau_mau_30d', 'wau_mau_30d',
        'new_users_30d', 'retained_users_30d', 'returning_users_30d', 'dormant_users_30d',
        'active_days_7d', 'active_days_30d', 'sessions_per_active_user_7d',
        'session_change_7d', 'sessions_baseline_share_7d', 'usage_growth_28d', 'core_events_7d', 'value_events_30d',
        'metered_events_30d', 'features_used_30d', 'modules_used_30d', 'module_coverage_30d', 'depth_score_30d',
        'error_rate_7d', 'api_calls_per_day_7d', 'session_depth_30d',
        'guided_task_share', 'configuration_maturity', 'seats_used_share_30d', 'idle_seats_30d', 'users_beyond_seats_30d',
        'assigned_seats', 'assigned_seats_share', 'idle_assigned_seats_30d', 'replaced_seats_30d',
        'tickets_opened_30d', 'tickets_open', 'tickets_awaiting_us', 'oldest_ticket_days',
        'median_ticket_days', 'tickets_per_user_30d', 'first_response_hours_30d',
        'first_response_median_hours_30d', 'first_response_business_hours_30d', 'sla_breaches_30d',
        'sla_breach_rate_90d', 'resolution_breaches_30d', 'resolution_breach_rate_90d', 'tickets_solved_30d', 'resolution_median_hours_30d',
        'wait_median_hours_30d', 'first_contact_share_90d', 'tickets_escalated_30d',
        'escalated_ticket_share_90d', 'tickets_reopened_30d', 'reopened_ticket_share_90d',
        'replies_per_ticket_90d', 'expansion_requests_90d',
        'is_subscribed', 'arr', 'committed_arr', 'variable_revenue_annual', 'seats', 'days_overdue', 'overdue_amount',
        'payment_delay_days_365d', 'days_to_renewal', 'usage_cap_share_30d',
        'nps_answers_180d', 'nps_180d', 'nps_score_180d', 'nps_last_score_180d', 'nps_dropped_users_180d', 'days_since_nps',
        'csat_answers_90d', 'csat_90d', 'csat_score_90d', 'days_since_csat',
        'survey_response_rate_90d', 'note_sentiment_90d', 'days_since_note',
    ] + ([
        'milestone_completion_due', 'milestone_completion_all', 'milestone_completion_damped',
        'milestones_on_time_share', 'milestone_momentum', 'days_since_milestone',
    ] if with_milestones else [])) -}}
{% endmacro %}
