{#- Mean of the two middle values where their number is even. -#}
{% macro median(expression) %}{{ return(adapter.dispatch('median')(expression)) }}{% endmacro %}

{% macro default__median(expression) -%}
    percentile(cast({{ expression }} as double), 0.5)
{%- endmacro %}

{% macro duckdb__median(expression) -%}
    median(cast({{ expression }} as double))
{%- endmacro %}

{#- The last value that is not null, on every row of the partition. -#}
{% macro last_known(column, partition_by, order_by) -%}
    last_value({{ column }} ignore nulls) over (
        partition by {{ partition_by }} order by {{ order_by }}
        rows between unbounded preceding and unbounded following
    )
{%- endmacro %}
