{#- Names one table of results of the rpt_health_validation family. -#}
{% macro validation_cohort_key(segment, split, population, predictor) -%}
    basis || '|' || model_version || '|' || {{ segment }} || '|'
    || cast(horizon_days as {{ dbt.type_string() }})
    || '|' || {{ split }} || '|' || {{ population }} || '|' || {{ predictor }}
{%- endmacro %}
