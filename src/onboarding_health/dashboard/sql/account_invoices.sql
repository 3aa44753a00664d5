-- Open invoices of an account. One row per invoice.
select due_on, days_overdue, ageing_bucket, open_amount
from fct_receivables
where account_id = $account
order by due_on
