-- Shares of milestones reached on time, by month of start or segment. One row per milestone and slice.
select
    dimension_value, milestone_id, milestone, accounts, judged, on_time, late, overdue,
    on_time_share, on_time_share_lower, on_time_share_upper,
    completed_share, missing_because
from rpt_milestone_heatmap
where dimension = $dimension
order by milestone_id, dimension_value
