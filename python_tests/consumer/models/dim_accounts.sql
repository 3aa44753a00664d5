select account_id, status, band from {{ ref('onboarding_health', 'current_account_health') }}
