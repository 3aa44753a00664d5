-- Is support work tied to health? Tickets per account and month, waits and breaches, by band.
with

health as (
    select * from {{ ref('fct_current_health') }}
),

signals as (
    select * from {{ ref('fct_account_signals') }}
),

band_support as (
    select
        health.band,
        count(*) as accounts,
        avg(signals.tickets_opened_30d) as mean_tickets_opened_30d,
        avg(signals.tickets_per_user_30d) as mean_tickets_per_user_30d,
        avg(signals.tickets_awaiting_us) as mean_tickets_awaiting_us,
        avg(signals.first_response_business_hours_30d) as mean_first_response_business_hours,
        count(signals.sla_breach_rate_90d) as accounts_with_tickets,
        avg(signals.sla_breach_rate_90d) as mean_sla_breach_rate
    from health
    inner join signals
        on
            health.account_id = signals.account_id
            and health.score_date = signals.date_day
    where health.band is not null
    group by health.band
)

select * from band_support
order by band
