{#- Business time of a calendar: microseconds that do not advance while it is closed. `days` names rows of int_business_days. -#}

{#- Whether business time reaches a value on that day. -#}
{% macro is_business_day_of(value, days) -%}
    {{ value }} > 60000000 * {{ days }}.minutes_before
    and {{ value }} <= 60000000 * ({{ days }}.minutes_before + {{ days }}.open_minutes)
{%- endmacro %}

{#- The moment, in UTC, at which it reaches the value, on the day on which it does. -#}
{% macro business_moment(value, days, timezone) -%}
    {{ utc_time(
        add_time(
            'cast(' ~ days ~ '.date_day as timestamp)',
            '(' ~ value ~ ' - 60000000 * (' ~ days ~ '.minutes_before - ' ~ days ~ '.opens_minute))', 'microsecond'
        ), timezone
    ) }}
{%- endmacro %}
