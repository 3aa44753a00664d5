{#- Median: the mean of the two middle values where their number is even. -#}
{% macro median(expression) %}{{ return(adapter.dispatch('median')(expression)) }}{% endmacro %}

{% macro default__median(expression) -%}
    percentile_cont(0.5) within group (order by {{ as_double(expression) }})
{%- endmacro %}

{#- BigQuery has percentile_cont as a window function only. -#}
{% macro bigquery__median(expression) -%}
    {{ target.schema }}.middle_of(array_agg({{ as_double(expression) }} ignore nulls))
{%- endmacro %}

{#- Combines all numbers of a group into one, in any order. -#}
{% macro xor_of(expression) %}{{ return(adapter.dispatch('xor_of')(expression)) }}{% endmacro %}

{% macro default__xor_of(expression) -%}
    bit_xor({{ expression }})
{%- endmacro %}

{% macro snowflake__xor_of(expression) -%}
    bitxor_agg({{ expression }})
{%- endmacro %}
