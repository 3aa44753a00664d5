{{ config(materialized='view') }}

with

drivers as (
    select * from {{ ref('int_health_drivers') }}
)

select * from drivers
