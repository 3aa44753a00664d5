{#- Text of one key of a JSON object; null where the key is absent, null or blank. The key is an SQL expression. -#}
{% macro json_text(payload, key) %}{{ return(adapter.dispatch('json_text')(payload, key)) }}{% endmacro %}

{% macro default__json_text(payload, key) -%}
    nullif(trim(get_json_object({{ payload }}, '$.' || {{ key }})), '')
{%- endmacro %}

{% macro duckdb__json_text(payload, key) -%}
    nullif(trim(json_extract_string({{ payload }}, '$.' || {{ key }})), '')
{%- endmacro %}

{% macro is_json_object(payload) %}{{ return(adapter.dispatch('is_json_object')(payload)) }}{% endmacro %}

{% macro default__is_json_object(payload) -%}
    coalesce(left(get_json_object({{ payload }}, '$'), 1) = '{', false)
{%- endmacro %}

{% macro duckdb__is_json_object(payload) -%}
    case when json_valid({{ payload }}) then json_type({{ payload }}) = 'OBJECT' else false end
{%- endmacro %}
