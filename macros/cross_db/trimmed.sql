{#- Text without the spaces, those of Unicode too, at its ends. -#}
{% macro trimmed(expression) %}{{ return(adapter.dispatch('trimmed')(expression)) }}{% endmacro %}

{% macro default__trimmed(expression) -%}
    trim(
        both ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'
        from {{ expression }}
    )
{%- endmacro %}

{% macro duckdb__trimmed(expression) -%}
    trim({{ expression }})
{%- endmacro %}

{% macro postgres__trimmed(expression) -%}
    trim(
        both e' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'
        from {{ expression }}
    )
{%- endmacro %}

{% macro snowflake__trimmed(expression) -%}
    trim(
        {{ expression }},
        ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'
    )
{%- endmacro %}

{% macro bigquery__trimmed(expression) -%}
    trim(
        {{ expression }},
        ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'
    )
{%- endmacro %}

{#- Text without a letter that it ends in, however often. -#}
{% macro without_end(expression, letter) %}{{ return(adapter.dispatch('without_end')(expression, letter)) }}{% endmacro %}

{% macro default__without_end(expression, letter) -%}
    trim(trailing '{{ letter }}' from {{ expression }})
{%- endmacro %}

{% macro snowflake__without_end(expression, letter) -%}
    rtrim({{ expression }}, '{{ letter }}')
{%- endmacro %}

{% macro bigquery__without_end(expression, letter) -%}
    rtrim({{ expression }}, '{{ letter }}')
{%- endmacro %}
