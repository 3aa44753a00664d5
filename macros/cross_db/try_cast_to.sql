{#- The value of a text; null, not an error, where the text does not fit the type. Engines read loose text
    differently, so a number is read only as JSON writes one, an integer as a decimal, and a date only from text that
    begins like 2025-01-31. -#}
{% macro try_cast_to(expression, type) %}{{ return(adapter.dispatch('try_cast_to')(expression, type)) }}{% endmacro %}

{% macro default__try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast(try_cast({{ json_number(expression) }} as decimal(18, 6)) as bigint)
    {%- elif type == 'date' -%}
        try_cast(case when {{ expression }} like '____-__-__%' then left({{ expression }}, 10) end as date)
    {%- elif type == 'timestamp' -%}
        try_cast(case when {{ expression }} like '____-__-__%' then {{ expression }} end as timestamp)
    {%- elif type == 'boolean' -%}
        try_cast({{ expression }} as boolean)
    {%- else -%}
        try_cast({{ json_number(expression) }} as {{ type }})
    {%- endif -%}
{%- endmacro %}

{% macro postgres__try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast({{ target.schema }}.try_decimal({{ json_number(expression) }}) as bigint)
    {%- elif type == 'date' -%}
        cast({{ target.schema }}.try_timestamp(left({{ expression }}, 10)) as date)
    {%- elif type == 'timestamp' -%}
        {{ target.schema }}.try_timestamp({{ expression }})
    {%- elif type == 'boolean' -%}
        case lower({{ expression }}) when 'true' then true when 'false' then false end
    {%- else -%}
        cast({{ target.schema }}.try_decimal({{ json_number(expression) }}) as {{ type }})
    {%- endif -%}
{%- endmacro %}

{#- A cast there takes no number of digits. -#}
{% macro bigquery__try_cast_to(expression, type) -%}
    {%- if type == 'bigint' -%}
        cast(round(safe_cast({{ json_number(expression) }} as numeric)) as int64)
    {%- elif type == 'date' -%}
        safe_cast(case when {{ expression }} like '____-__-__%' then left({{ expression }}, 10) end as date)
    {%- elif type == 'timestamp' -%}
        safe_cast(case when {{ expression }} like '____-__-__%' then {{ expression }} end as timestamp)
    {%- elif type == 'boolean' -%}
        safe_cast({{ expression }} as bool)
    {%- else -%}
        round(safe_cast({{ json_number(expression) }} as numeric), 6)
    {%- endif -%}
{%- endmacro %}

{#- The text where it is a number as JSON writes one, of no more digits than every engine reads; else null. -#}
{% macro json_number(expression) -%}
    case when {{ matches(expression, '^-?(0|[1-9][0-9]{0,17})([.][0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$') }} then {{ expression }} end
{%- endmacro %}

{% macro matches(expression, pattern) %}{{ return(adapter.dispatch('matches')(expression, pattern)) }}{% endmacro %}

{% macro default__matches(expression, pattern) -%}
    {{ expression }} rlike '{{ pattern }}'
{%- endmacro %}

{% macro duckdb__matches(expression, pattern) -%}
    regexp_matches({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{% macro postgres__matches(expression, pattern) -%}
    {{ expression }} ~ '{{ pattern }}'
{%- endmacro %}

{% macro bigquery__matches(expression, pattern) -%}
    regexp_contains({{ expression }}, r'{{ pattern }}')
{%- endmacro %}
