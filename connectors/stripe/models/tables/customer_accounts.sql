-- The account of each customer: the crosswalk's, else the one that its metadata names, else itself,
-- which the house refuses as no_account and counts. One row per customer.
with

customers as (
    select * from {{ source('stripe', 'customer') }}
),

links as (
    select * from {{ source('crosswalk', 'crosswalk_links0') }}
    where vendor = 'stripe'
),

customer_accounts as (
    select
        customers.id as customer_id,
        coalesce(
            links.account_id,
            try_cast(customers.metadata as json) ->> '$.{{ var('account_key') }}',
            customers.id
        ) as account_id
    from customers
    left join links
        on customers.id = links.vendor_id
)

select * from customer_accounts
