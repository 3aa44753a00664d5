-- Days on which something happened that makes plays moot: the first value was realised, a
-- subscription renewed, or the top band reached. One row per account, reason and day.
with

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
    where is_primary
),

subscriptions as (
    select * from {{ ref('stg_billing__subscriptions') }}
    where event_type = 'subscription_renewed'
),

band_episodes as (
    select * from {{ ref('int_band_episodes') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

ranked_bands as (
    select
        band,
        row_number() over (partition by model_version order by lower_edge desc) as place
    from health_bands
),

top_bands as (
    select distinct band
    from ranked_bands
    where place = 1
),

moots as (
    select
        accounts.account_id,
        'value_realised' as moot_by,
        {{ day_of('achievements.achieved_at') }} as happened_on
    from accounts
    inner join activation_milestones
        on accounts.product_category = activation_milestones.product_category
    inner join achievements
        on
            accounts.account_id = achievements.account_id
            and activation_milestones.milestone_id = achievements.milestone_id
    where achievements.achieved_at is not null
    union distinct
    select
        account_id,
        'renewed' as moot_by,
        {{ day_of('occurred_at') }} as happened_on
    from subscriptions
    union distinct
    select
        band_episodes.account_id,
        'recovered' as moot_by,
        band_episodes.first_seen_on as happened_on
    from band_episodes
    inner join top_bands
        on band_episodes.band = top_bands.band
)

select * from moots
