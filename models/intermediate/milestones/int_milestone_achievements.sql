-- Milestones of each account in its first onboarding, achieved or not. One row per account and
-- milestone.
{{ config(materialized='view') }}

with

onboarding_milestones as (
    select * from {{ ref('int_onboarding_milestones') }}
),

achievements as (
    select * from onboarding_milestones
    where onboarding_number = 1
)

select * from achievements
