{#- The key of a cohort in rpt_health_validation, rpt_health_lift and rpt_health_calibration. -#}
{% macro validation_cohort_key(segment, split, population, predictor) -%}
    basis || '|' || model_version || '|' || {{ segment }} || '|'
    || cast(horizon_days as {{ dbt.type_string() }})
    || '|' || {{ split }} || '|' || {{ population }} || '|' || {{ predictor }}
{%- endmacro %}
