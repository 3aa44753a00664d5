-- ARR at the end of each month and what moved it. One row per month that is over.
select
    month_start, month_end, start_arr, new_arr, reactivation_arr, expansion_arr,
    contraction_arr, churned_arr, end_arr, end_accounts,
    churned_accounts
from rpt_arr_waterfall
where segment = $segment and is_complete
order by month_start
