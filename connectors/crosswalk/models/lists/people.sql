-- Contacts that are a user of the product, by an email that one contact and one user have. One row
-- per contact.
with

contacts as (
    select
        lower(trim(email)) as email,
        any_value(id) as contact_id
    from {{ source('salesforce', 'contact') }}
    where
        not {{ is_true('is_deleted') }}
        and coalesce(try_cast(_fivetran_active as boolean), true)
    group by lower(trim(email))
    having count(distinct id) = 1
),

users as (
    select
        lower(trim(email)) as email,
        any_value(user_id) as user_id
    from {{ source('segment', 'identifies') }}
    where user_id is not null
    group by lower(trim(email))
    having count(distinct user_id) = 1
),

people as (
    select
        contacts.contact_id,
        users.user_id
    from contacts
    inner join users
        on contacts.email = users.email
)

select * from people
