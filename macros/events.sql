{#- Two views read all events, one those that an increment counts again: they share how an event finds its account. -#}

{#- The rows of base_events, or some of them, with the account that they belong to. -#}
{% macro resolved_events(events) -%}
    select
        events.source,
        events.event_id,
        events.event_type,
        coalesce(accounts.account_id, memberships.account_id) as account_id,
        events.account_id as source_account_id,
        events.user_id,
        events.payload,
        coalesce(
            events.reject_reason,
            case
                when accounts.account_id is null and memberships.account_id is null
                    then 'no_account'
            end
        ) as reject_reason,
        events.rejected_key,
        events.occurred_at,
        events.loaded_at,
        events.loaded_on,
        events.build_number
    from {{ events }} as events
    left join {{ ref('base_accounts') }} as accounts
        on events.account_id = accounts.source_account_id
    -- A case and no further condition, so that only the rows without an account are looked up.
    left join {{ ref('base_memberships') }} as memberships
        on
            case
                when events.source = 'product' and events.account_id is null then events.user_id
            end
            = memberships.user_id
            and events.occurred_at >= memberships.member_from
            and events.occurred_at < memberships.member_to
{%- endmacro %}

{#- The resolved events that count: none that is refused or lies on an excluded day. -#}
{% macro counted_events(events) -%}
    select events.*
    from {{ events }} as events
    left join {{ ref('base_excluded_days') }} as excluded_days
        on
            events.source = 'product'
            and events.event_type = excluded_days.event_type
            and cast(events.occurred_at as date) = excluded_days.date_day
    where events.reject_reason is null and excluded_days.date_day is null
{%- endmacro %}

{#- The counted events that a model of days computes from: all, or those that may lie on a day that an increment computes again.
    dbt learns while it parses that both come first. -#}
{% macro events_to_count() -%}
    {%- if not execute %}{% do ref('int_updated_events') %}{% endif -%}
    {{ ref('int_updated_events') if is_incremental() else ref('base_counted_events') }}
{%- endmacro %}
