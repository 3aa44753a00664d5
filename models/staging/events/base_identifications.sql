-- Which user an anonymous id stands for at which time. One row per anonymous id and half-open
-- interval (known_after, known_until] of event times.
{{ config(materialized='table') }}

with

identifications as (
    select
        event_id,
        user_id,
        {{ json_text('payload', "'anonymous_id'") }} as anonymous_id,
        occurred_at,
        loaded_at
    from {{ ref('base_events') }}
    where
        source = 'crm'
        and event_type = 'user_identified'
        and reject_reason is null
        and user_id is not null
),

-- lag: each identification holds for the time since the one before, the last one also from then on.
stretches as (
    select
        anonymous_id,
        user_id,
        occurred_at as identified_at,
        lag(occurred_at, 1, cast('0001-01-01' as timestamp)) over (
            partition by anonymous_id order by occurred_at, loaded_at, event_id
        ) as known_after,
        case
            when
                row_number() over (
                    partition by anonymous_id
                    order by occurred_at desc, loaded_at desc, event_id desc
                ) = 1
                then cast('9999-12-31' as timestamp)
            else occurred_at
        end as known_until
    from identifications
)

select * from stretches
where known_after < known_until
