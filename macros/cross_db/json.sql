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

{#- Whether the text is an object of JSON as RFC 8259 has it, in which no key stands twice and every character is one: no half of
    a pair, and no \u0000, which not every engine can hold. BigQuery cannot tell a repeated key: the first counts there. -#}
{% macro is_json_object(payload) %}{{ return(adapter.dispatch('is_json_object')(payload)) }}{% endmacro %}

{#- Spark's parser is content with single quotes, with NaN, with half a pair and with the first value of a text: whatever
    follows an object breaks the array or the object that is put around it. -#}
{% macro default__is_json_object(payload) -%}
    coalesce(
        left(trim(both ' \t\n\r' from {{ payload }}), 1) = '{'
        and size(from_json(
            '[' || {{ payload }} || ']',
            'array<map<string, string>>',
            map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
        )) = 1
        and get_json_object('{"object":' || {{ payload }} || '}', '$') is not null
        and size(json_object_keys({{ payload }})) = size(array_distinct(json_object_keys({{ payload }})))
        and not {{ payload }} rlike
            '\\\\u(0000|[dD][89abAB]..(?!\\\\u[dD][c-fC-F])|(?<!\\\\u[dD][89abAB]..\\\\u)[dD][c-fC-F])',
        false
    )
{%- endmacro %}

{#- DuckDB's parser is content with a comma before a bracket, NaN and Infinity. They are looked for outside of texts, in the few
    payloads that hold such letters at all. -#}
{% macro duckdb__is_json_object(payload) -%}
    case
        when not json_valid({{ payload }}) or json_type({{ payload }}) <> 'OBJECT' then false
        when len(json_keys({{ payload }})) <> len(list_distinct(json_keys({{ payload }}))) then false
        when regexp_matches({{ payload }}, '(?i),\s*[}\]]|nan|inf|\\u0000')
            then not contains({{ payload }}, '\u0000') and not regexp_matches(
                regexp_replace({{ payload }}, '"([^"\\]|\\.)*"', '', 'g'), '(?i),\s*[}\]]|nan|inf'
            )
        else true
    end
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
