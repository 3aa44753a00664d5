-- Which terms end next, with how much ARR, in which band, and how likely is it to be lost?
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

renewals as (
    select * from {{ ref('fct_renewals') }}
),

health as (
    select * from {{ ref('fct_current_health') }}
),

probabilities as (
    select * from {{ ref('fct_churn_probabilities') }}
),

losses as (
    select * from {{ ref('rpt_expected_losses') }}
),

-- The horizon of the KPI, so that one probability is shown.
kpi_horizons as (
    select distinct horizon_days from losses
),

open_renewals as (
    select
        renewals.term_ends_on,
        renewals.account_id,
        accounts.account_name,
        accounts.owner_id,
        renewals.segment,
        renewals.outcome,
        renewals.arr_up_for_renewal,
        accounts.days_overdue,
        health.band,
        probabilities.horizon_days,
        probabilities.churn_probability,
        probabilities.missing_because
    from renewals
    inner join accounts
        on renewals.account_id = accounts.account_id
    inner join health
        on renewals.account_id = health.account_id
    cross join kpi_horizons
    left join probabilities
        on
            health.account_id = probabilities.account_id
            and health.score_date = probabilities.score_date
            and kpi_horizons.horizon_days = probabilities.horizon_days
    where renewals.outcome in ('open', 'notice_given')
)

select * from open_renewals
order by term_ends_on, account_id
