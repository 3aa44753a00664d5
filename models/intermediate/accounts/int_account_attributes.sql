with

changes as (
    select * from {{ ref('stg_crm__accounts') }}
    where source_account_id = account_id
),

{%- set order = 'occurred_at, loaded_at, event_id' %}

known as (
    select
        account_id,
        {{ last_known('account_name', 'account_id', order) }} as account_name,
        {{ last_known('industry', 'account_id', order) }} as industry,
        {{ last_known('country', 'account_id', order) }} as country,
        {{ last_known('product_category', 'account_id', order) }} as product_category,
        {{ last_known('plan', 'account_id', order) }} as plan,
        {{ last_known('owner_id', 'account_id', order) }} as owner_id,
        {{ last_known('parent_account_id', 'account_id', order) }} as parent_account_id,
        {{ last_known('timezone', 'account_id', order) }} as timezone,
        {{ last_known('employees', 'account_id', order) }} as employees,
        {{ last_known('is_internal', 'account_id', order) }} as is_internal,
        {{ last_known('is_test', 'account_id', order) }} as is_test,
        row_number() over (
            partition by account_id order by {{ order }}
        ) as change_number
    from changes
),

attributes as (
    select
        account_id,
        account_name,
        industry,
        country,
        product_category,
        plan,
        owner_id,
        parent_account_id,
        timezone,
        employees,
        coalesce(is_internal, false) as is_internal,
        coalesce(is_test, false) as is_test
    from known
    where change_number = 1
)

select * from attributes
