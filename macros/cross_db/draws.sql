{#- A pseudo-random draw from 0 to 0.9999, fixed by a text and equal on every engine: the first eight hexadecimal digits of its MD5,
    modulo 10,000. -#}
{% macro draw_of(expression) -%}
    cast({{ hex_number("substring(md5(" ~ expression ~ "), 1, 8)") }} % 10000 as decimal(9, 4)) * cast(0.0001 as decimal(9, 4))
{%- endmacro %}

{% macro hex_number(digits) %}{{ return(adapter.dispatch('hex_number')(digits)) }}{% endmacro %}

{% macro default__hex_number(digits) -%}
    cast(conv({{ digits }}, 16, 10) as bigint)
{%- endmacro %}

{% macro duckdb__hex_number(digits) -%}
    cast('0x' || {{ digits }} as bigint)
{%- endmacro %}

{% macro postgres__hex_number(digits) -%}
    cast(cast('x' || lpad({{ digits }}, 16, '0') as bit(64)) as bigint)
{%- endmacro %}

{% macro snowflake__hex_number(digits) -%}
    to_number({{ digits }}, 'XXXXXXXX')
{%- endmacro %}

{% macro bigquery__hex_number(digits) -%}
    cast('0x' || {{ digits }} as int64)
{%- endmacro %}
