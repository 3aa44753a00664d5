{{ config(materialized='view') }}

-- Churn labels of sampled scores: did the account leave within the window after the lead gap? One
-- row per basis, account, score date and horizon.
with

outcomes as (
    select * from {{ ref('int_health_outcomes') }}
)

select * from outcomes
