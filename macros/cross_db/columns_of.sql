{#- The names of a relation's columns, one row each, as `column_name`; for tests. -#}
{% macro columns_of(relation) %}{{ return(adapter.dispatch('columns_of')(relation)) }}{% endmacro %}

{% macro default__columns_of(relation) -%}
    (
        {% for column in adapter.get_columns_in_relation(relation) -%}
        select '{{ column.name }}' as column_name
        {{ 'union all' if not loop.last }}
        {% else -%}
        select cast(null as {{ dbt.type_string() }}) as column_name
        {%- endfor %}
    )
{%- endmacro %}

{% macro duckdb__columns_of(relation) -%}
    (
        select column_name
        from information_schema.columns
        where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
    )
{%- endmacro %}
