-- ARR expected to be lost within the horizon, by week. One row per score date.
select
    score_date, horizon_days, accounts, accounts_at_risk, arr, expected_arr_loss,
    expected_loss_share, change_7d
from rpt_expected_losses
where segment = $segment
order by score_date
