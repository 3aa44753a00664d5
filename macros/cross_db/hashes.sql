{#- A number that equal values share; another value shares it by chance only. -#}
{% macro hash_of(expression) %}{{ return(adapter.dispatch('hash_of')(expression)) }}{% endmacro %}

{% macro default__hash_of(expression) -%}
    xxhash64({{ expression }})
{%- endmacro %}

{% macro duckdb__hash_of(expression) -%}
    hash({{ expression }})
{%- endmacro %}

{% macro postgres__hash_of(expression) -%}
    hash_record_extended(row({{ expression }}), 0)
{%- endmacro %}

{% macro snowflake__hash_of(expression) -%}
    hash({{ expression }})
{%- endmacro %}

{% macro bigquery__hash_of(expression) -%}
    farm_fingerprint(to_json_string(struct({{ expression }})))
{%- endmacro %}

{#- The id of a thing that a text names: the same wherever and whenever it is made. -#}
{% macro id_of(expression) -%}
    md5({{ expression }})
{%- endmacro %}
