{{ config(materialized='view') }}

with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
)

select * from outcomes
