{#- The texts of a group, sorted and joined by commas; null where there are none. -#}
{% macro joined_texts(expression) %}{{ return(adapter.dispatch('joined_texts')(expression)) }}{% endmacro %}

{% macro default__joined_texts(expression) -%}
    nullif(array_join(sort_array(collect_list({{ expression }})), ','), '')
{%- endmacro %}

{% macro duckdb__joined_texts(expression) -%}
    string_agg({{ expression }}, ',' order by {{ expression }})
{%- endmacro %}

{% macro postgres__joined_texts(expression) -%}
    string_agg({{ expression }}, ',' order by {{ expression }})
{%- endmacro %}

{% macro snowflake__joined_texts(expression) -%}
    nullif(listagg({{ expression }}, ',') within group (order by {{ expression }}), '')
{%- endmacro %}

{% macro bigquery__joined_texts(expression) -%}
    string_agg({{ expression }}, ',' order by {{ expression }})
{%- endmacro %}
