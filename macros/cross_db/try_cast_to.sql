{#- Null, not an error, where the text does not fit the type. -#}
{% macro try_cast_to(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}
