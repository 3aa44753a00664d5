{#- The last value of a window that is not null, to be followed by its `over (...)`. -#}
{% macro last_known(column) %}{{ return(adapter.dispatch('last_known')(column)) }}{% endmacro %}

{% macro default__last_known(column) -%}
    last_value({{ column }}) ignore nulls
{%- endmacro %}

{% macro duckdb__last_known(column) -%}
    last_value({{ column }} ignore nulls)
{%- endmacro %}

{% macro postgres__last_known(column) -%}
    {{ target.schema }}.last_known({{ column }})
{%- endmacro %}

{% macro bigquery__last_known(column) -%}
    last_value({{ column }} ignore nulls)
{%- endmacro %}
