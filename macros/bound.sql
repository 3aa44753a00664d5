{#- Whether terms that run past a day, without notice given by a date, bind the account on that date. -#}
{% macro is_bound_beyond(day, date) -%}
    subscription_periods.starts_on <= {{ date }}
    and coalesce(subscription_periods.ends_on > {{ date }}, true)
    and subscription_periods.term_ends_on > {{ day }}
    and coalesce(subscription_periods.notice_on > {{ date }}, true)
{%- endmacro %}
