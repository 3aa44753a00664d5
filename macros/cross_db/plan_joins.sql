{#- Settings for the transaction that builds a model. -#}
{% macro plan_joins() %}{{ return(adapter.dispatch('plan_joins')()) }}{% endmacro %}

{% macro default__plan_joins() %}{% endmacro %}

{#- Postgres takes a join of CTEs for one of a few rows and then compares all with all: a hash join, where one is possible, takes
    a hundredth of the time. -#}
{% macro postgres__plan_joins() -%}
    set local enable_nestloop = off; set local jit = off
{%- endmacro %}
