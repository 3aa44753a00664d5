{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ 'cs_' ~ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}
