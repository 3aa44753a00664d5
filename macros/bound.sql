{#- Whether terms that run past a day, and that nobody had given notice of, bind the account on a date. -#}
{% macro is_bound_beyond(day, date) -%}
    subscription_periods.starts_on <= {{ date }}
    and coalesce(subscription_periods.ends_on > {{ date }}, true)
    and subscription_periods.term_ends_on > {{ day }}
    and coalesce(subscription_periods.notice_on > {{ date }}, true)
{%- endmacro %}
