{#- The value of a text; null, not an error, where the text does not fit the type. Engines read loose text
    differently, so an integer is read as a decimal and a date only from text that begins like 2025-01-31. -#}
{% macro try_cast_to(expression, type) %}{{ return(adapter.dispatch('try_cast_to')(expression, type)) }}{% endmacro %}

{% macro default__try_cast_to(expression, type) -%}
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

{% macro postgres__try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast({{ target.schema }}.try_decimal({{ expression }}) as bigint)
    {%- elif type == 'date' -%}
        cast({{ target.schema }}.try_timestamp(left({{ expression }}, 10)) as date)
    {%- elif type == 'timestamp' -%}
        {{ target.schema }}.try_timestamp({{ expression }})
    {%- elif type == 'boolean' -%}
        case lower({{ expression }}) when 'true' then true when 'false' then false end
    {%- else -%}
        cast({{ target.schema }}.try_decimal({{ expression }}) as {{ type }})
    {%- endif -%}
{%- endmacro %}

{#- A cast there takes no number of digits. -#}
{% macro bigquery__try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast(round(safe_cast({{ expression }} as numeric)) as int64)
    {%- elif type == 'date' -%}
        safe_cast(case when {{ expression }} like '____-__-__%' then left({{ expression }}, 10) end as date)
    {%- elif type == 'timestamp' -%}
        safe_cast(case when {{ expression }} like '____-__-__%' then {{ expression }} end as timestamp)
    {%- elif type == 'boolean' -%}
        safe_cast({{ expression }} as bool)
    {%- else -%}
        round(safe_cast({{ expression }} as numeric), 6)
    {%- endif -%}
{%- endmacro %}
