{#- The day of a moment (UTC) in the company's timezone, and the moment (UTC) at which a day begins there. -#}
{% macro day_of(moment) -%}
    {%- set is_utc = var('company_timezone') == 'UTC' -%}
    cast({{ moment if is_utc else local_time(moment, company_timezone()) }} as date)
{%- endmacro %}

{#- Where a clock is set back to midnight, midnight comes twice and engines differ in which they take: a day begins with the first. -#}
{% macro day_starts_at(day) -%}
    {%- if var('company_timezone') == 'UTC' -%}
    cast({{ day }} as timestamp)
    {%- else -%}
    {%- set midnight = utc_time('cast(' ~ day ~ ' as timestamp)', company_timezone()) -%}
    {%- set hour_before = add_time(midnight, -1, 'hour') -%}
    case when {{ day_of(hour_before) }} = {{ day }} then {{ hour_before }} else {{ midnight }} end
    {%- endif -%}
{%- endmacro %}

{% macro company_timezone() -%}
    '{{ var("company_timezone") }}'
{%- endmacro %}
