-- Why accounts are kept out of every mart. One row per account and reason: internal, test or trial.
with

attributes as (
    select * from {{ ref('int_account_attributes') }}
),

trials as (
    select * from {{ ref('stg_billing__trials') }}
),

subscriptions as (
    select * from {{ ref('stg_billing__subscriptions') }}
    where event_type = 'subscription_started'
),

exclusion_rules as (
    select * from {{ ref('exclusion_rules') }}
),

internal_accounts as (
    select
        account_id,
        'internal' as reason
    from attributes
    where is_internal
),

test_accounts as (
    select
        account_id,
        'test' as reason
    from attributes
    where is_test
),

trial_accounts as (
    select distinct
        trials.account_id,
        'trial' as reason
    from trials
    left join subscriptions
        on trials.account_id = subscriptions.account_id
    where subscriptions.account_id is null
),

candidates as (
    select account_id, reason from internal_accounts
    union all
    select account_id, reason from test_accounts
    union all
    select account_id, reason from trial_accounts
),

exclusions as (
    select
        candidates.account_id,
        candidates.reason
    from candidates
    inner join exclusion_rules
        on candidates.reason = exclusion_rules.reason and exclusion_rules.is_excluded
)

select * from exclusions
