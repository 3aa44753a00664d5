{#- The value of a text; null, not an error, where the text does not fit the type. Engines read loose text
    differently, so an integer is read as a decimal and a date only from text that begins like 2025-01-31. -#}
{% macro try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast(try_cast({{ expression }} as decimal(18, 6)) as bigint)
    {%- elif type == 'date' -%}
        try_cast(case when {{ expression }} like '____-__-__%' then left({{ expression }}, 10) end as date)
    {%- elif type == 'timestamp' -%}
        try_cast(case when {{ expression }} like '____-__-__%' then {{ expression }} end as timestamp)
    {%- else -%}
        try_cast({{ expression }} as {{ type }})
    {%- endif -%}
{%- endmacro %}
