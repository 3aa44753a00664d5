{#- A day relative to the start of a presentation as a timestamp. OULAD tells only the month of the
    start, B for February and J for October: the first of the month stands for it. -#}
{% macro course_day(presentation, day) -%}
    cast(
        make_date(
            try_cast(left({{ presentation }}, 4) as integer),
            case right({{ presentation }}, 1) when 'B' then 2 when 'J' then 10 end,
            1
        ) + cast({{ day }} as integer) as timestamp
    )
{%- endmacro %}
