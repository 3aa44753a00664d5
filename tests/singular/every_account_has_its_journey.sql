with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

intended as (
    select
        accounts.account_id,
        journey_milestones.journey,
        journey_milestones.milestone_id
    from accounts
    inner join journey_milestones
        on accounts.journey = journey_milestones.journey
),

compared as (
    select
        coalesce(intended.account_id, milestones.account_id) as account_id,
        intended.milestone_id as intended_milestone_id,
        milestones.milestone_id
    from intended
    full outer join milestones
        on
            intended.account_id = milestones.account_id
            and intended.journey = milestones.journey
            and intended.milestone_id = milestones.milestone_id
)

select * from compared
where intended_milestone_id is null or milestone_id is null
