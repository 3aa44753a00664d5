{{ config(materialized='table') }}

with

configuration_problems as (
    select * from {{ ref('configuration_problems') }}
),

loads as (
    select max(loaded_at) as loaded_at from {{ source('raw', 'product_events') }}
    union all
    select max(loaded_at) as loaded_at from {{ source('raw', 'crm_events') }}
    union all
    select max(loaded_at) as loaded_at from {{ source('raw', 'support_events') }}
    union all
    select max(loaded_at) as loaded_at from {{ source('raw', 'billing_events') }}
    union all
    select max(loaded_at) as loaded_at from {{ source('raw', 'survey_events') }}
),

known as (
    select
        coalesce(
            cast({{ "'" ~ var('known_at') ~ "'" if var('known_at') else 'null' }} as timestamp),
            max(loaded_at)
        ) as known_at
    from loads
),

first_problem as (
    select min(file_path || ', ' || row_key || ': ' || problem || ' ' || remedy) as message
    from configuration_problems
),

checked as (
    select
        known.known_at,
        coalesce(
            cast({{ "'" ~ var('as_of') ~ "'" if var('as_of') else 'null' }} as date),
            cast(known.known_at as date)
        ) as as_of
    from known
    cross join first_problem
    where
        case
            when first_problem.message is null then true
            else {{ raise_error('first_problem.message') }}
        end
),

moment as (
    select
        known_at,
        as_of,
        cast({{ add_days('as_of', 1) }} as timestamp) as as_of_ends_at
    from checked
)

select * from moment
