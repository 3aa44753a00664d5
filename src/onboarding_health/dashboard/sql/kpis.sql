-- The programme's scorecard: each KPI at the last checkpoint that is over, or else the first. One row per KPI.
select
    kpi, kpi_order, kpi_name, checkpoint, checkpoint_on, unit, better, target, n, actual,
    actual_lower, actual_upper, status, missing_because, latest_on, latest_actual, owner_role,
    verdict, definition
from rpt_kpi_scorecard
qualify
    row_number() over (
        partition by kpi
        order by
            checkpoint_on <= (select max(as_of) from dim_accounts) desc,
            abs(checkpoint_on - (select max(as_of) from dim_accounts))
    ) = 1
order by kpi_order
