-- The day that the published build speaks of. One row.
select max(as_of) as as_of, count(*) as accounts from dim_accounts
