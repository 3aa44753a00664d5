{#- Text of one key of a JSON object; null where the key is absent, null or blank. The key is an SQL expression. -#}
{% macro json_text(payload, key) %}{{ return(adapter.dispatch('json_text')(payload, key)) }}{% endmacro %}

{% macro default__json_text(payload, key) -%}
    nullif({{ trimmed("get_json_object(" ~ payload ~ ", '$.' || " ~ key ~ ")") }}, '')
{%- endmacro %}

{% macro duckdb__json_text(payload, key) -%}
    nullif({{ trimmed("json_extract_string(" ~ payload ~ ", '$.' || " ~ key ~ ")") }}, '')
{%- endmacro %}

{% macro postgres__json_text(payload, key) -%}
    nullif({{ trimmed(target.schema ~ '.json_text(' ~ payload ~ ', ' ~ key ~ ')') }}, '')
{%- endmacro %}

{% macro snowflake__json_text(payload, key) -%}
    nullif({{ trimmed('cast(get(try_parse_json(' ~ payload ~ '), ' ~ key ~ ') as varchar)') }}, '')
{%- endmacro %}

{% macro bigquery__json_text(payload, key) -%}
    nullif({{ trimmed('lax_string(safe.parse_json(' ~ payload ~ ')[' ~ key ~ '])') }}, '')
{%- endmacro %}

{% macro is_json_object(payload) %}{{ return(adapter.dispatch('is_json_object')(payload)) }}{% endmacro %}

{#- Spark's parser is content with single quotes and with the first value of a text: whatever follows an
    object breaks the array or the object that is put around it. -#}
{% macro default__is_json_object(payload) -%}
    coalesce(
        left(trim(both ' \t\n\r' from {{ payload }}), 1) = '{'
        and size(from_json(
            '[' || {{ payload }} || ']', 'array<map<string, string>>', map('allowSingleQuotes', 'false')
        )) = 1
        and get_json_object('{"object":' || {{ payload }} || '}', '$') is not null,
        false
    )
{%- endmacro %}

{% macro duckdb__is_json_object(payload) -%}
    case when json_valid({{ payload }}) then json_type({{ payload }}) = 'OBJECT' else false end
{%- endmacro %}

{% macro postgres__is_json_object(payload) -%}
    coalesce({{ target.schema }}.is_json_object({{ payload }}), false)
{%- endmacro %}

{% macro snowflake__is_json_object(payload) -%}
    coalesce(typeof(try_parse_json({{ payload }})) = 'OBJECT', false)
{%- endmacro %}

{% macro bigquery__is_json_object(payload) -%}
    coalesce(json_type(safe.parse_json({{ payload }})) = 'object', false)
{%- endmacro %}
