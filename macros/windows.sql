{#- Window of an account's trailing days, the current day included. For counts that add up over days.
    What is distinct, or changes on few days, is a running sum of +1/-1 instead. The
    spine has every day, so rows are days. -#}
{% macro over_last(days) -%}
    over (
        partition by account_id order by date_day
        rows between {{ days - 1 }} preceding and current row
    )
{%- endmacro %}

{#- Window of all days of an account up to the current one, or of all its days with a change. -#}
{% macro over_so_far() -%}
    over (partition by account_id order by date_day)
{%- endmacro %}

{#- The last day on which the state of date_day still holds, where each row is a day with a change. -#}
{% macro last_day_unchanged() -%}
    coalesce({{ add_days('lead(date_day) ' ~ over_so_far(), -1) }}, ended_on)
{%- endmacro %}

{% macro is_score_weekday(day) -%}
    {{ iso_weekday(day) }} = {{ var('score_weekday') }}
{%- endmacro %}

{#- The last score weekday on or before a day. -#}
{% macro last_score_weekday(day) -%}
    {{ add_days(day, '-mod(' ~ iso_weekday(day) ~ ' - ' ~ var('score_weekday') ~ ' + 7, 7)') }}
{%- endmacro %}

{#- The order of events: by time, within one second by business order, and then by id. -#}
{% macro in_business_order() -%}
    {{ dbt.date_trunc('second', 'occurred_at') }}, business_order, occurred_at, loaded_at, event_id
{%- endmacro %}
