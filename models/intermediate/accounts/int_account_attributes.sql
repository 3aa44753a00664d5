-- The last known value of each CRM attribute. One row per account, merged accounts aside.
with

changes as (
    select * from {{ ref('stg_crm__accounts') }}
    where source_account_id = account_id
),

{%- set order = 'occurred_at, loaded_at, event_id' %}
{%- set over_whole_life %}over (
            partition by account_id order by {{ order }}
            rows between unbounded preceding and unbounded following
        )
{%- endset %}

changes_with_last_values as (
    select
        account_id,
        {{ last_known('account_name') }} {{ over_whole_life }} as account_name,
        {{ last_known('industry') }} {{ over_whole_life }} as industry,
        {{ last_known('country') }} {{ over_whole_life }} as country,
        {{ last_known('product_category') }} {{ over_whole_life }} as product_category,
        {{ last_known('plan') }} {{ over_whole_life }} as plan,
        {{ last_known('owner_id') }} {{ over_whole_life }} as owner_id,
        {{ last_known('parent_account_id') }} {{ over_whole_life }} as parent_account_id,
        {{ last_known('timezone') }} {{ over_whole_life }} as timezone,
        {{ last_known('employees') }} {{ over_whole_life }} as employees,
        {{ last_known('is_internal') }} {{ over_whole_life }} as is_internal,
        {{ last_known('is_test') }} {{ over_whole_life }} as is_test,
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
    from changes_with_last_values
    where change_number = 1
)

select * from attributes
