-- The last 180 days of what was observed of an account. One row per day; null is not observed.
select
    date_day, active_users_7d, seats, sessions_7d, features_used_30d, seats_used_share_30d,
    tickets_opened_30d, tickets_open,
    tickets_awaiting_us, sla_breaches_30d, nps_last_score_180d, days_since_nps, csat_90d,
    days_since_csat, note_sentiment_90d,
    days_since_note, days_overdue, overdue_amount
from fct_account_signals
where account_id = $account and date_day > (select max(as_of) - 180 from dim_accounts)
order by date_day
