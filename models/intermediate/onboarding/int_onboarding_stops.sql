-- What was seen last before an account stopped at a step that it did not reach by the horizon: an
-- open ticket, an error or a guided task without an end, whichever the seed prefers. It is what was
-- seen and no cause. One row per account and step of its first onboarding with such evidence.
with

slices as (
    select * from {{ ref('int_onboarding_slices') }}
    where dimension = 'all' and is_judged and is_lived and not is_done
),

usage_days as (
    select * from {{ ref('int_usage_days') }}
    where active_events > 0
),

event_type_days as (
    select * from {{ ref('int_event_type_days') }}
),

product_offers as (
    select * from {{ ref('int_product_offers') }}
),

tracking_plan as (
    select * from {{ ref('tracking_plan') }}
),

ticket_stretches as (
    select * from {{ ref('int_ticket_stretches') }}
    where is_open
),

stop_evidence as (
    select * from {{ ref('stop_evidence') }}
),

observed_days as (
    select * from {{ ref('base_observed_days') }}
    where source = 'product' and subject = 'role:guided_task'
),

-- An account stopped on its last active day up to the horizon.
stops as (
    select
        slices.account_id,
        slices.milestone_id,
        slices.product_category,
        slices.started_on,
        max(usage_days.date_day) as stopped_on
    from slices
    inner join usage_days
        on
            slices.account_id = usage_days.account_id
            and usage_days.date_day between slices.started_on
            and least(slices.ended_on, slices.horizon_on)
    group by
        slices.account_id, slices.milestone_id, slices.product_category, slices.started_on
),

open_tickets as (
    select
        stops.account_id,
        stops.milestone_id,
        stops.stopped_on,
        'open_ticket' as evidence,
        'open ticket' as seen,
        ticket_stretches.starts_on as seen_on
    from stops
    inner join ticket_stretches
        on
            stops.account_id = ticket_stretches.account_id
            and stops.stopped_on >= ticket_stretches.starts_on
            and coalesce(stops.stopped_on < ticket_stretches.ends_on, true)
),

errors as (
    select
        stops.account_id,
        stops.milestone_id,
        stops.stopped_on,
        'error' as evidence,
        'error: ' || event_type_days.event_type as seen,
        event_type_days.date_day as seen_on
    from stops
    inner join event_type_days
        on
            stops.account_id = event_type_days.account_id
            and event_type_days.date_day between stops.started_on and stops.stopped_on
    inner join tracking_plan
        on
            event_type_days.event_type = tracking_plan.event_type
            and tracking_plan.role = 'error'
),

unfinished_guides as (
    select
        stops.account_id,
        stops.milestone_id,
        stops.stopped_on,
        'unfinished_guide' as evidence,
        'guide not finished: ' || product_offers.event_type as seen,
        stops.stopped_on as seen_on
    from stops
    inner join observed_days
        on
            stops.stopped_on = observed_days.date_day
            and stops.started_on >= observed_days.observed_since
    inner join product_offers
        on
            stops.product_category = product_offers.product_category
            and product_offers.role = 'guided_task'
    left join event_type_days
        on
            stops.account_id = event_type_days.account_id
            and product_offers.event_type = event_type_days.event_type
            and stops.stopped_on >= event_type_days.date_day
    where event_type_days.account_id is null
),

all_evidence as (
    select * from open_tickets
    union all
    select * from errors
    union all
    select * from unfinished_guides
),

ordered_evidence as (
    select
        all_evidence.*,
        row_number() over (
            partition by all_evidence.account_id, all_evidence.milestone_id
            order by
                stop_evidence.preference asc,
                all_evidence.seen_on desc,
                all_evidence.seen asc
        ) as place
    from all_evidence
    inner join stop_evidence
        on all_evidence.evidence = stop_evidence.evidence
    where
        coalesce(
            {{ days_between('all_evidence.seen_on', 'all_evidence.stopped_on') }}
            < stop_evidence.lookback_days,
            true
        )
),

onboarding_stops as (
    select
        account_id,
        milestone_id,
        stopped_on,
        evidence,
        seen,
        seen_on
    from ordered_evidence
    where place = 1
)

select * from onboarding_stops
