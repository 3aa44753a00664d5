with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

milestone_catalog as (
    select * from {{ ref('milestone_catalog') }}
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

intended as (
    select
        accounts.account_id,
        milestone_catalog.journey,
        milestone_catalog.milestone_id
    from accounts
    inner join milestone_catalog
        on accounts.journey = milestone_catalog.journey
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
