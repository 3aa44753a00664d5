-- Trials of new customers and when their first paid terms began. One row per account that began a
-- trial before it paid; those that never paid are here too, which no other mart has.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

trials as (
    select * from {{ ref('stg_billing__trials') }}
),

attributes as (
    select * from {{ ref('int_account_attributes') }}
),

exclusions as (
    select * from {{ ref('int_account_exclusions') }}
    where reason <> 'trial'
),

journeys as (
    select distinct product_category from {{ ref('journeys') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
    where arr > 0 and coalesce(ends_on > starts_on, true)
),

first_trials as (
    select
        account_id,
        min({{ day_of('occurred_at') }}) as trial_on
    from trials
    group by account_id
),

first_payments as (
    select
        account_id,
        min(starts_on) as paid_on
    from subscription_periods
    group by account_id
),

account_trials as (
    select
        first_trials.account_id,
        coalesce(journeys.product_category, '{{ var("default_product_category") }}')
            as product_category,
        first_trials.trial_on,
        case when first_payments.paid_on <= build_moment.over_on then first_payments.paid_on end
            as paid_on
    from first_trials
    cross join build_moment
    inner join attributes
        on first_trials.account_id = attributes.account_id
    left join journeys
        on attributes.product_category = journeys.product_category
    left join first_payments
        on first_trials.account_id = first_payments.account_id
    where
        coalesce(first_payments.paid_on >= first_trials.trial_on, true)
        and first_trials.account_id not in (select exclusions.account_id from exclusions)
)

select * from account_trials
