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

{#- A bound of a Kaplan-Meier survival on the log-log scale, from its log and Greenwood's sum: `sign` is + for the lower bound, - for
    the upper. Null where nobody is left at risk. -#}
{% macro survival_bound(log_survival, greenwood, is_exhausted, sign) -%}
    {%- set spread = var('confidence_z') ~ ' * sqrt(' ~ greenwood ~ ') / nullif(abs(' ~ log_survival ~ '), 0)' -%}
    case
        when {{ is_exhausted }} = 1 then null
        when {{ log_survival }} = 0 then 1
        else {{ round_half_up('power(exp(' ~ log_survival ~ '), exp(' ~ sign ~ '(' ~ spread ~ ')))', 10) }}
    end
{%- endmacro %}
