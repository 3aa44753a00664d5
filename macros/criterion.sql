{#- Whether a row of a criteria seed holds for a value; shared by milestones and risk rules. -#}
{% macro criterion_is_met(criterion_value) -%}
    case
        when {{ criterion_value }} is null then holds_when_null
        when operator = '>=' then {{ criterion_value }} >= threshold
        when operator = '>' then {{ criterion_value }} > threshold
        when operator = '<=' then {{ criterion_value }} <= threshold
        else {{ criterion_value }} < threshold
    end
{%- endmacro %}
