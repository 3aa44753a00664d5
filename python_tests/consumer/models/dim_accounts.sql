select account_id, status, band from {{ ref('onboarding_health', 'fct_current_health') }}
