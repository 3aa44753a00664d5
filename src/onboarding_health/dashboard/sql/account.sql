-- An account: who it is, the band to show and why. One row, none where there is no such account.
with

renewals as (
    select account_id, min(term_ends_on) as renews_on, min_by(arr_up_for_renewal, term_ends_on)
    as arr_up_for_renewal
    from fct_renewals
    where outcome in ('open', 'notice_given') and term_ends_on >= (select max(as_of) from
    dim_accounts)
    group by account_id
)

select
    health.*,
    accounts.industry,
    accounts.country,
    accounts.plan,
    accounts.seats,
    accounts.timezone,
    accounts.started_on,
    accounts.churned_on,
    accounts.days_overdue,
    accounts.overdue_amount,
    accounts.as_of,
    explanations.explanation,
    renewals.renews_on,
    renewals.arr_up_for_renewal,
    chances.churn_probability,
    chances.probability_lower,
    chances.probability_upper,
    chances.missing_because as probability_missing_because
from fct_current_health as health
inner join dim_accounts as accounts using (account_id)
left join fct_health_explanations as explanations using (account_id)
left join renewals using (account_id)
left join fct_churn_probabilities as chances
    on health.account_id = chances.account_id and chances.horizon_days = $horizon
where health.account_id = $account
