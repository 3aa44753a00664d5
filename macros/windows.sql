{#- The trailing days of an account's spine, the current day included. The spine has every day, so rows
    are days. -#}
{% macro over_last(days) -%}
    over (
        partition by account_id order by date_day
        rows between {{ days - 1 }} preceding and current row
    )
{%- endmacro %}

{% macro is_score_weekday(day) -%}
    {{ iso_weekday(day) }} = {{ var('score_weekday') }}
{%- endmacro %}

{#- The last score weekday on or before a day. -#}
{% macro last_score_weekday(day) -%}
    {{ add_days(day, '-mod(' ~ iso_weekday(day) ~ ' - ' ~ var('score_weekday') ~ ' + 7, 7)') }}
{%- endmacro %}
