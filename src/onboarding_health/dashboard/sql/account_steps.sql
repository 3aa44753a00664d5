-- What somebody can do to lift an account's band, the cheapest first. One row per step.
select step_number, step, step_points, is_needed, is_band_within_reach
from fct_health_steps
where account_id = $account
order by step_number
