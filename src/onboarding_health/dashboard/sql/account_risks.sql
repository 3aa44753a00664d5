-- What stands against an account now. One row per active episode.
select rule, severity, first_seen_on, reason
from fct_risk_episodes
where account_id = $account and is_active
order by case severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end,
    first_seen_on desc, risk_signal_id
