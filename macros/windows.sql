{#- The trailing days of an account's spine, the current day included. The spine has every day, so rows
    are days. -#}
{% macro over_last(days) -%}
    over (
        partition by account_id order by date_day
        rows between {{ days - 1 }} preceding and current row
    )
{%- endmacro %}
