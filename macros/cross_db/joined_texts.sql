{#- The texts of a group, sorted by themselves or by a number, and joined; null where there are none. -#}
{% macro joined_texts(expression, by=none, separator=',') %}
    {{- return(adapter.dispatch('joined_texts')(expression, by or expression, separator)) -}}
{% endmacro %}

{% macro default__joined_texts(expression, by, separator) -%}
    nullif(
        array_join(
            transform(
                sort_array(collect_list(struct({{ by }} as place, {{ expression }} as text))),
                pair -> pair.text
            ), '{{ separator }}'
        ), ''
    )
{%- endmacro %}

{% macro duckdb__joined_texts(expression, by, separator) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ by }})
{%- endmacro %}

{% macro postgres__joined_texts(expression, by, separator) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ by }})
{%- endmacro %}

{% macro snowflake__joined_texts(expression, by, separator) -%}
    nullif(listagg({{ expression }}, '{{ separator }}') within group (order by {{ by }}), '')
{%- endmacro %}

{% macro bigquery__joined_texts(expression, by, separator) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ by }})
{%- endmacro %}
