-- The accounts as of their last observed day: attributes, lifecycle stage, ARR, arrears and why
-- they left. One row per account.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

parents as (
    select * from {{ ref('int_account_parents') }}
    where depth = 1
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

billing_settings as (
    select * from {{ ref('billing_settings') }}
),

subscription_terms as (
    select * from {{ ref('int_subscription_terms') }}
),

cancellations as (
    select * from {{ ref('stg_billing__cancellations') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

-- Why the subscriptions that ended on the day of churn were cancelled; voluntary goes first below.
last_ends as (
    select
        accounts.account_id,
        max(
            case cancellations.churn_kind when 'voluntary' then 1 else 0 end
        ) as is_voluntary,
        max(
            case cancellations.churn_kind when 'involuntary' then 1 else 0 end
        ) as is_involuntary
    from accounts
    inner join subscription_terms
        on
            accounts.account_id = subscription_terms.account_id
            and accounts.churned_on = subscription_terms.ends_on
            and subscription_terms.lapsed_on is null
    inner join cancellations
        on subscription_terms.cancellation_id = cancellations.event_id
    group by accounts.account_id
),

lifecycle_stages as (
    select
        stage,
        from_day,
        lead(from_day) over (order by from_day) as next_from_day
    from {{ ref('lifecycle_stages') }}
),

dimensions as (
    select
        accounts.account_id,
        accounts.account_name,
        accounts.industry,
        accounts.country,
        accounts.product_category,
        accounts.segment,
        accounts.journey,
        accounts.plan,
        accounts.owner_id,
        parents.ancestor_account_id as parent_account_id,
        accounts.timezone,
        accounts.employees,
        case
            when completions.account_id is not null then 'completed'
            when accounts.churned_on is not null then 'churned'
            else lifecycle_stages.stage
        end as lifecycle_stage,
        measured_signals.seats,
        measured_signals.arr,
        measured_signals.committed_arr,
        measured_signals.variable_revenue_annual,
        measured_signals.days_overdue,
        measured_signals.overdue_amount,
        case
            when measured_signals.days_overdue > billing_settings.unpaid_after_days
                then measured_signals.arr
            when measured_signals.arr is not null then cast(0 as decimal(18, 2))
        end as unpaid_arr,
        case
            when measured_signals.days_overdue > billing_settings.long_unpaid_after_days
                then measured_signals.arr
            when measured_signals.arr is not null then cast(0 as decimal(18, 2))
        end as long_unpaid_arr,
        accounts.started_at,
        accounts.started_on,
        accounts.churned_on,
        case
            when accounts.churned_on is null then null
            when last_ends.is_voluntary = 1 then 'voluntary'
            when last_ends.is_involuntary = 1 then 'involuntary'
            when completions.account_id is not null then 'completed'
            else 'unknown'
        end as churn_kind,
        accounts.ended_on as observed_until,
        build_moment.as_of
    from accounts
    cross join build_moment
    cross join billing_settings
    inner join measured_signals
        on
            accounts.account_id = measured_signals.account_id
            and accounts.ended_on = measured_signals.date_day
    left join parents
        on accounts.account_id = parents.account_id
    left join last_ends
        on accounts.account_id = last_ends.account_id
    left join completions
        on
            accounts.account_id = completions.account_id
            and accounts.churned_on = completions.completed_on
    left join lifecycle_stages
        on
            measured_signals.account_age_days >= lifecycle_stages.from_day
            and measured_signals.account_age_days
            < coalesce(lifecycle_stages.next_from_day, 1000000)
)

select * from dimensions
