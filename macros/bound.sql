{#- Whether a subscription's terms run past a day and bind the account on a date: no notice was given by then. `periods` names rows
    of int_subscription_periods. -#}
{% macro is_bound_beyond(periods, day, date) -%}
    {{ periods }}.starts_on <= {{ date }}
    and coalesce({{ periods }}.ends_on > {{ date }}, true)
    and {{ periods }}.term_ends_on > {{ day }}
    and coalesce({{ periods }}.notice_on > {{ date }}, true)
{%- endmacro %}
