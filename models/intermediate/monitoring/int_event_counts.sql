with

events as (
    select * from {{ ref('base_resolved_events') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

placed as (
    select
        events.source,
        events.event_type,
        cast(events.occurred_at as date) as date_day,
        case
            when events.reject_reason is not null then 'rejected'
            when accounts.account_id is null then 'excluded'
            when cast(events.occurred_at as date) < accounts.started_on then 'before_start'
            when cast(events.occurred_at as date) > accounts.ended_on then 'after_end'
            else 'in_scope'
        end as place
    from events
    left join accounts
        on events.account_id = accounts.account_id
),

event_counts as (
    select
        source,
        event_type,
        date_day,
        place,
        count(*) as event_count
    from placed
    group by source, event_type, date_day, place
)

select * from event_counts
