{#- A bound of the Wilson score interval of a proportion, as a double: `sign` is + or -. Null without trials.
    E. B. Wilson, Probable inference (1927). -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set z = var('confidence_z') -%}
    {%- set n = 'nullif(' ~ as_double(trials) ~ ', 0)' -%}
    {%- set p = as_double(successes) ~ ' / ' ~ n -%}
    (
        {{ p }} + {{ z * z / 2 }} / {{ n }}
        {{ sign }} {{ z }} * sqrt(
            ({{ p }}) * (1 - {{ p }}) / {{ n }} + {{ z * z / 4 }} / ({{ n }} * {{ n }})
        )
    ) / (1 + {{ z * z }} / {{ n }})
{%- endmacro %}
