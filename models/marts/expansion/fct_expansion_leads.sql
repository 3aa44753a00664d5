-- What became of an account within each horizon after its first score in a band. One row per
-- account, population, band and horizon.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_arr as (
    select
        account_id,
        date_day,
        is_subscribed,
        arr
    from {{ ref('int_measured_signals') }}
),

scores as (
    select * from {{ ref('int_expansion_scores') }}
    where status = 'scored'
),

opportunities as (
    select * from {{ ref('int_expansion_opportunities') }}
),

expansion_horizons as (
    select * from {{ ref('expansion_horizons') }}
),

populations as (
    select
        account_id,
        score_date,
        band,
        'scored' as population
    from scores
    union all
    select
        account_id,
        score_date,
        band,
        'qualified' as population
    from scores
    where is_qualified
),

populations_by_band as (
    select
        account_id,
        population,
        band,
        score_date
    from populations
    union all
    select
        account_id,
        population,
        'all' as band,
        score_date
    from populations
),

first_dates as (
    select
        account_id,
        population,
        band,
        min(score_date) as lead_on
    from populations_by_band
    group by account_id, population, band
),

windows as (
    select
        first_dates.account_id,
        first_dates.population,
        first_dates.band,
        first_dates.lead_on,
        accounts.segment,
        accounts.churned_on,
        accounts.as_of,
        expansion_horizons.horizon_days,
        {{ add_days('first_dates.lead_on', 'expansion_horizons.horizon_days') }} as window_ends_on
    from first_dates
    inner join accounts
        on first_dates.account_id = accounts.account_id
    cross join expansion_horizons
),

-- Only opportunities opened after the lead count: it did not cause the others.
opened_after as (
    select
        windows.account_id,
        windows.population,
        windows.band,
        windows.horizon_days,
        min(case when opportunities.outcome = 'won' then opportunities.closed_on end) as won_on,
        sum(case when opportunities.outcome = 'won' then 1 else 0 end) as won_opportunities,
        sum(case when opportunities.outcome = 'lost' then 1 else 0 end) as lost_opportunities
    from windows
    inner join opportunities
        on
            windows.account_id = opportunities.account_id
            and windows.lead_on < opportunities.opened_on
            and windows.window_ends_on >= opportunities.closed_on
    group by
        windows.account_id,
        windows.population,
        windows.band,
        windows.horizon_days
),

lead_outcomes as (
    select
        windows.*,
        opened_after.won_on,
        coalesce(opened_after.won_opportunities, 0) as won_opportunities,
        coalesce(opened_after.lost_opportunities, 0) as lost_opportunities,
        starts.arr as arr_at_lead,
        case
            when windows.window_ends_on > windows.as_of then null
            when windows.churned_on <= windows.window_ends_on then cast(0 as decimal(18, 2))
            else ends.arr
        end as arr_at_end,
        windows.churned_on <= windows.window_ends_on
        or ends.is_subscribed = 0 as has_churned
    from windows
    inner join scores as starts
        on
            windows.account_id = starts.account_id
            and windows.lead_on = starts.score_date
    left join account_arr as ends
        on
            windows.account_id = ends.account_id
            and windows.window_ends_on = ends.date_day
    left join opened_after
        on
            windows.account_id = opened_after.account_id
            and windows.population = opened_after.population
            and windows.band = opened_after.band
            and windows.horizon_days = opened_after.horizon_days
),

leads as (
    select
        account_id,
        population,
        band,
        horizon_days,
        segment,
        lead_on,
        window_ends_on,
        case
            when window_ends_on > as_of then 'window_open'
            when arr_at_end > arr_at_lead and won_on is not null then 'won'
            when arr_at_end > arr_at_lead then 'arr_grew'
            when has_churned then 'churned'
            else 'no_expansion'
        end as outcome,
        won_on,
        cast({{ days_between('lead_on', 'won_on') }} as integer) as days_to_win,
        cast(won_opportunities as bigint) as won_opportunities,
        cast(lost_opportunities as bigint) as lost_opportunities,
        arr_at_lead,
        arr_at_end,
        case
            when arr_at_end is not null
                then cast(greatest(arr_at_end - arr_at_lead, 0) as decimal(18, 2))
        end as arr_added
    from lead_outcomes
)

select * from leads
