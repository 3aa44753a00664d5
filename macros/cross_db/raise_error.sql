{#- Stops the build with the message. -#}
{% macro raise_error(message) %}{{ return(adapter.dispatch('raise_error')(message)) }}{% endmacro %}

{% macro default__raise_error(message) -%}
    raise_error({{ message }})
{%- endmacro %}

{% macro duckdb__raise_error(message) -%}
    error({{ message }})
{%- endmacro %}

{% macro postgres__raise_error(message) -%}
    {{ target.schema }}.raise_error({{ message }})
{%- endmacro %}

{#- No function raises an error here, but a failed cast shows its text. -#}
{% macro snowflake__raise_error(message) -%}
    to_boolean({{ message }})
{%- endmacro %}

{% macro bigquery__raise_error(message) -%}
    error({{ message }})
{%- endmacro %}
