-- The strict funnel of an onboarding. One row per journey and step of a slice.
select
    journey, step_number, milestone, entered, reached, dropped, left_out, not_lived, conversion,
    conversion_lower, conversion_upper,
    conversion_missing_because, median_days, seen_before_stopping, seen_before_stopping_accounts
from rpt_onboarding_funnel
where dimension = $dimension and dimension_value = $value
order by journey, step_number
