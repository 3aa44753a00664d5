with

accounts as (
    select * from {{ ref('int_accounts') }}
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

activations as (
    select
        accounts.account_id,
        activation_milestones.milestone_id as activation_milestone_id,
        activation_milestones.persona,
        activation_milestones.is_primary,
        accounts.segment,
        accounts.product_category,
        accounts.started_on,
        accounts.ended_on,
        accounts.churned_on,
        cast(achievements.achieved_at as date) as activated_on
    from accounts
    inner join activation_milestones
        on accounts.product_category = activation_milestones.product_category
    inner join achievements
        on
            accounts.account_id = achievements.account_id
            and activation_milestones.milestone_id = achievements.milestone_id
),

times as (
    select
        account_id,
        activation_milestone_id,
        persona,
        is_primary,
        segment,
        product_category,
        started_on,
        activated_on,
        case
            when activated_on is not null then 'activated'
            when churned_on is not null then 'churned'
            else 'censored'
        end as outcome,
        {{ days_between('started_on', 'activated_on') }} as days_to_value,
        {{ days_between('started_on', 'coalesce(activated_on, ended_on)') }} as followed_days
    from activations
)

select * from times
