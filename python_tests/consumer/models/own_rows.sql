{{ config(materialized='incremental') }}

select own_seed.account_id from {{ ref('own_seed') }} as own_seed
