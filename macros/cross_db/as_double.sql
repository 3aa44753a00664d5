{#- A number with 53 binary digits. -#}
{% macro as_double(expression) %}{{ return(adapter.dispatch('as_double')(expression)) }}{% endmacro %}

{% macro default__as_double(expression) -%}
    cast({{ expression }} as double)
{%- endmacro %}

{% macro postgres__as_double(expression) -%}
    cast({{ expression }} as double precision)
{%- endmacro %}

{% macro bigquery__as_double(expression) -%}
    cast({{ expression }} as float64)
{%- endmacro %}
