{#- A text with a space for each of its control characters. -#}
{% macro without_controls(expression) %}{{ return(adapter.dispatch('without_controls')(expression)) }}{% endmacro %}

{% macro default__without_controls(expression) -%}
    translate(
        {{ expression }},
        {% for code in range(1, 32) %}chr({{ code }}){{ ' || ' if not loop.last }}{% endfor %},
        '{{ ' ' * 31 }}'
    )
{%- endmacro %}

{#- Faster than its translate. -#}
{% macro duckdb__without_controls(expression) -%}
    regexp_replace({{ expression }}, '[\x01-\x1f]', ' ', 'g')
{%- endmacro %}
