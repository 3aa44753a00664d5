{#- Settings for the transaction that builds a model. -#}
{% macro plan_joins() %}{{ return(adapter.dispatch('plan_joins')()) }}{% endmacro %}

{% macro default__plan_joins() %}{% endmacro %}

{#- Postgres expects few rows from joins of CTEs and plans nested loops: a hash join, where possible, takes a hundredth of the
    time. -#}
{% macro postgres__plan_joins() -%}
    set local enable_nestloop = off; set local jit = off
{%- endmacro %}
