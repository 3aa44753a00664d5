-- Accounts to choose from. One row per account.
select
    account_id, coalesce(account_name, account_id) as name, status in ('churned', 'completed') as
    has_left
from fct_current_health
order by has_left, name, account_id
