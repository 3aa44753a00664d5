-- Where the account's latest onboarding stands. One row, none where there was no onboarding.
select
    journey, started_on, ended_on, ended_because, state, state_missing_because, progress, steps,
    steps_reached, current_milestone,
    current_due_on, turn, days_since_start, days_at_step, first_value_on, forecast_on,
    forecast_earliest_on, forecast_latest_on,
    forecast_accounts, forecast_missing_because
from fct_onboardings
where account_id = $account
order by onboarding_number desc
limit 1
