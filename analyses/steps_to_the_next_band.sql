-- Which one step would lift an account into its next band? The first that is enough, per account.
with

health as (
    select * from {{ ref('fct_current_health') }}
),

steps as (
    select * from {{ ref('fct_health_steps') }}
),

sufficient_steps as (
    select
        account_id,
        metric,
        step,
        step_points,
        row_number() over (partition by account_id order by step_number) as place
    from steps
    where is_needed and is_band_within_reach
),

accounts_with_step as (
    select
        health.account_id,
        health.account_name,
        health.owner_id,
        health.band,
        health.next_band,
        health.points_to_next_band,
        sufficient_steps.metric,
        sufficient_steps.step_points,
        sufficient_steps.step
    from health
    inner join sufficient_steps
        on
            health.account_id = sufficient_steps.account_id
            and sufficient_steps.place = 1
    where sufficient_steps.step_points >= health.points_to_next_band
)

select * from accounts_with_step
order by points_to_next_band, account_id
