{#- A loader's time as a timestamp in UTC: text with or without a zone, or seconds or thousandths since 1970. -#}
{% macro moment(column) -%}
    case
        when regexp_full_match({{ column }}, '\d{9,10}(\.\d+)?')
            then make_timestamp(cast(cast({{ column }} as double) * 1000000 as bigint))
        when regexp_full_match({{ column }}, '\d{12,13}')
            then make_timestamp(cast({{ column }} as bigint) * 1000)
        else try_cast({{ column }} as timestamptz) at time zone 'UTC'
    end
{%- endmacro %}

{% macro is_true(column) -%}
    coalesce(try_cast({{ column }} as boolean), false)
{%- endmacro %}
