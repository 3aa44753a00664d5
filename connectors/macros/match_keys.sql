{#- The domain of an address of a page or of mail, and a name without accents, signs and legal forms. -#}
{% macro domain_of(column) -%}
    nullif(
        regexp_replace(
            regexp_replace(lower(trim({{ column }})), '^([a-z]+://)?(.*@)?(www\.)?', ''), '[/:?].*$', ''
        ),
        ''
    )
{%- endmacro %}

{% macro name_key(column, forms) -%}
    nullif(
        array_to_string(
            list_filter(
                string_split(
                    trim(regexp_replace(strip_accents(lower({{ column }})), '[^a-z0-9]+', ' ', 'g')),
                    ' '
                ),
                lambda word: not list_contains({{ forms }}, word)
            ),
            ' '
        ),
        ''
    )
{%- endmacro %}
