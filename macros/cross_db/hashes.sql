{#- A hash of values as a number; different values share it only by chance. -#}
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

{#- A stable id derived from a text (MD5): the same on every engine and in every build. -#}
{% macro id_of(expression) -%}
    md5({{ expression }})
{%- endmacro %}
