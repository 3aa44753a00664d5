-- The maturity stage of each account on its last score date, since when, what the next one asks for
-- and whether its checkpoint has passed. One row per account.
with

stages as (
    select * from {{ ref('maturity_stages') }}
),

criteria as (
    select
        maturity_criteria.*,
        stages.stage_order
    from {{ ref('maturity_criteria') }} as maturity_criteria
    inner join stages
        on maturity_criteria.stage = stages.stage
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

criteria_with_outcome as (
    select * from {{ ref('int_maturity_criteria') }}
),

stage_dates as (
    select
        account_id,
        score_date,
        stage_order,
        min(case when is_met then 1 else 0 end) as is_met
    from criteria_with_outcome
    group by account_id, score_date, stage_order
),

-- The stage of a date is the last one up to which all hold.
account_dates as (
    select
        account_id,
        score_date,
        coalesce(min(case when is_met = 0 then stage_order end) - 1, max(stage_order))
            as stage_order,
        max(case when is_met = 1 then stage_order else 0 end) as highest_met
    from stage_dates
    group by account_id, score_date
),

dates_with_neighbour as (
    select
        account_dates.*,
        lag(stage_order) over (partition by account_id order by score_date) as stage_before,
        max(stage_order) over (partition by account_id) as highest_stage,
        max(score_date) over (partition by account_id) as last_date
    from account_dates
),

last_changes as (
    select
        account_id,
        max(
            case
                when stage_before is null or stage_before <> stage_order then score_date
            end
        ) as since_on
    from dates_with_neighbour
    group by account_id
),

current_stages as (
    select
        dates_with_neighbour.account_id,
        dates_with_neighbour.score_date as measured_on,
        dates_with_neighbour.stage_order,
        dates_with_neighbour.highest_met,
        dates_with_neighbour.highest_stage,
        last_changes.since_on
    from dates_with_neighbour
    inner join last_changes
        on dates_with_neighbour.account_id = last_changes.account_id
    where dates_with_neighbour.score_date = dates_with_neighbour.last_date
),

next_criteria as (
    select
        current_stages.account_id,
        criteria_with_outcome.stage_order,
        criteria_with_outcome.criterion_order,
        criteria_with_outcome.is_met,
        criteria.label || ' ' || criteria.operator || ' '
        || {{ number_text('cast(criteria.threshold as decimal(18, 2))') }} || ' (is '
        || coalesce(
            {{ number_text('cast(criteria_with_outcome.criterion_value as decimal(18, 2))') }},
            'not observed'
        ) || ')' as requirement
    from current_stages
    inner join criteria_with_outcome
        on
            current_stages.account_id = criteria_with_outcome.account_id
            and current_stages.measured_on = criteria_with_outcome.score_date
            and current_stages.stage_order + 1 = criteria_with_outcome.stage_order
    inner join criteria
        on
            criteria_with_outcome.stage = criteria.stage
            and criteria_with_outcome.criterion_order = criteria.criterion_order
),

next_requirements as (
    select
        account_id,
        count(*) as requirements,
        sum(case when is_met then 1 else 0 end) as requirements_met,
        {{ joined_texts(
            'case when is_met then requirement end', by='criterion_order', separator='; '
        ) }} as met_text,
        {{ joined_texts(
            'case when not is_met then requirement end', by='criterion_order', separator='; '
        ) }} as missing_text
    from next_criteria
    group by account_id
),

accounts_with_stage as (
    select
        accounts.account_id,
        accounts.segment,
        accounts.product_category,
        accounts.started_on,
        accounts.churned_on,
        accounts.lifecycle_stage,
        accounts.observed_until,
        current_stages.measured_on,
        coalesce(current_stages.stage_order, 0) as stage_order,
        coalesce(current_stages.highest_met, 0) as highest_met,
        coalesce(current_stages.highest_stage, 0) as highest_stage,
        current_stages.since_on
    from accounts
    left join current_stages
        on accounts.account_id = current_stages.account_id
),

maturities as (
    select
        accounts_with_stage.account_id,
        accounts_with_stage.segment,
        accounts_with_stage.product_category,
        coalesce(stages.stage, 'none') as stage,
        cast(accounts_with_stage.stage_order as integer) as stage_order,
        accounts_with_stage.measured_on,
        accounts_with_stage.since_on,
        cast(
            {{ days_between('accounts_with_stage.since_on', 'accounts_with_stage.measured_on') }}
            as integer
        ) as days_at_stage,
        coalesce(best_stages.stage, 'none') as highest_stage,
        case when accounts_with_stage.churned_on is null then next_stages.stage end as next_stage,
        cast(next_requirements.requirements as bigint) as requirements,
        cast(next_requirements.requirements_met as bigint) as requirements_met,
        next_requirements.met_text as requirements_met_text,
        next_requirements.missing_text as next_requirement,
        case
            when accounts_with_stage.churned_on is null
                then {{ add_days('accounts_with_stage.started_on', 'next_stages.by_day') }}
        end as checkpoint_on,
        case
            when accounts_with_stage.churned_on is null and next_stages.stage is not null
                then
                    accounts_with_stage.observed_until
                    > {{ add_days('accounts_with_stage.started_on', 'next_stages.by_day') }}
        end as is_late,
        case when accounts_with_stage.churned_on is null then next_stages.owner_role end
            as owner_role,
        case
            when
                accounts_with_stage.churned_on is null
                and accounts_with_stage.observed_until
                > {{ add_days('accounts_with_stage.started_on', 'next_stages.by_day') }}
                then next_stages.if_late
        end as advice,
        case
            when accounts_with_stage.lifecycle_stage = 'completed' then 'it has completed'
            when accounts_with_stage.churned_on is not null then 'it has churned'
            when accounts_with_stage.measured_on is null then 'it has no score date yet'
            when accounts_with_stage.highest_stage > accounts_with_stage.stage_order
                then 'it fell back from ' || best_stages.stage
            when accounts_with_stage.highest_met > accounts_with_stage.stage_order
                then
                    'it meets ' || met_stages.stage || ' without ' || next_stages.stage
        end as exception
    from accounts_with_stage
    left join stages
        on accounts_with_stage.stage_order = stages.stage_order
    left join stages as next_stages
        on accounts_with_stage.stage_order + 1 = next_stages.stage_order
    left join stages as best_stages
        on accounts_with_stage.highest_stage = best_stages.stage_order
    left join stages as met_stages
        on accounts_with_stage.highest_met = met_stages.stage_order
    left join next_requirements
        on
            case
                when accounts_with_stage.churned_on is null then accounts_with_stage.account_id
            end
            = next_requirements.account_id
)

select * from maturities
