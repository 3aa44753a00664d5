{#- Rounds every published fraction, half up: sums of decimals are exact, so the same input gives the
    same digits on any engine and thread count. The small addend absorbs the error of the binary
    division. -#}
{% macro round_half_up(expression, places) -%}
    cast(
        floor({{ as_double(expression) }} * 1e{{ places }} + 0.500001) / 1e{{ places }}
        as decimal(18, {{ places }})
    )
{%- endmacro %}

{#- A quotient; null where the denominator is zero, or so close to it that the quotient fits no decimal. -#}
{% macro ratio(numerator, denominator) -%}
    case
        when abs({{ as_double(numerator) }}) < 1e11 * abs({{ as_double(denominator) }})
            then {{ round_half_up(as_double(numerator) ~ ' / nullif(' ~ denominator ~ ', 0)', 6) }}
    end
{%- endmacro %}

{#- The position of a value between two bounds, clamped: 0 up to the lower, 1 from the upper on. Filter nulls before, as least and
    greatest ignore them. -#}
{% macro share_of_range(value, lower, upper) -%}
    greatest(least({{ as_double(value ~ ' - ' ~ lower) }} / ({{ upper }} - {{ lower }}), 1), 0)
{%- endmacro %}

{#- Standard normal distribution function, to about 1e-15: the rational approximation of
    G. West, Better approximations to cumulative normal functions (2005). -#}
{% macro normal_cdf(z) -%}
    case
        when {{ z }} > 7 then 1.0
        when {{ z }} < -7 then 0.0
        when {{ z }} > 0 then 1.0 - {{ _normal_tail(z) }}
        else {{ _normal_tail(z) }}
    end
{%- endmacro %}

{% macro _normal_tail(z) -%}
    exp(-{{ z }} * {{ z }} / 2)
    * ((((((0.0352624965998911 * abs({{ z }}) + 0.700383064443688) * abs({{ z }})
        + 6.37396220353165) * abs({{ z }}) + 33.912866078383) * abs({{ z }})
        + 112.079291497871) * abs({{ z }}) + 221.213596169931) * abs({{ z }}) + 220.206867912376)
    / (((((((0.0883883476483184 * abs({{ z }}) + 1.75566716318264) * abs({{ z }})
        + 16.064177579207) * abs({{ z }}) + 86.7807322029461) * abs({{ z }})
        + 296.564248779674) * abs({{ z }}) + 637.333633378831) * abs({{ z }})
        + 793.826512519948) * abs({{ z }}) + 440.413735824752)
{%- endmacro %}

{#- A decimal as text, without trailing zeros. -#}
{% macro number_text(expression) -%}
    {{ without_end(without_end('cast(' ~ expression ~ ' as ' ~ dbt.type_string() ~ ')', '0'), '.') }}
{%- endmacro %}

{#- The same, rounded for reading; a ratio in percent. -#}
{% macro number_with_unit(expression, unit) -%}
    case
        when {{ unit }} = 'ratio'
            then {{ number_text('cast(100 * ' ~ expression ~ ' as decimal(18, 1))') }} || ' %'
        else {{ number_text('cast(' ~ expression ~ ' as decimal(18, 2))') }}
    end
{%- endmacro %}
