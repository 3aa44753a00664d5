-- Which groups reach first value sooner, experiments first, then the clearest. One row per pair that could be compared.
select
    dimension, experiment_id, first_group, second_group, first_accounts, second_accounts,
    first_mean_days, second_mean_days, restricted_to_days, p_value_holm, mean_days_difference,
    mean_days_difference_lower, mean_days_difference_upper, finding, verdict
from rpt_ttv_comparisons
where persona = 'primary' and finding <> 'too_few_accounts'
order by dimension = 'experiment' desc, p_value_holm nulls last, first_group, second_group
