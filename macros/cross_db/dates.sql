{#- One row per day from the first to the last, both included; used in a select list. -#}
{% macro each_day(first_day, last_day) %}{{ return(adapter.dispatch('each_day')(first_day, last_day)) }}{% endmacro %}

{% macro default__each_day(first_day, last_day) -%}
    explode(sequence({{ first_day }}, {{ last_day }}))
{%- endmacro %}

{% macro duckdb__each_day(first_day, last_day) -%}
    cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date)
{%- endmacro %}

{% macro add_days(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro days_between(first_day, last_day) %}{{ return(adapter.dispatch('days_between')(first_day, last_day)) }}{% endmacro %}

{% macro default__days_between(first_day, last_day) -%}
    cast(datediff({{ last_day }}, {{ first_day }}) as bigint)
{%- endmacro %}

{% macro duckdb__days_between(first_day, last_day) -%}
    ({{ last_day }} - {{ first_day }})
{%- endmacro %}

{% macro microseconds_between(first_at, last_at) %}{{ return(adapter.dispatch('microseconds_between')(first_at, last_at)) }}{% endmacro %}

{% macro default__microseconds_between(first_at, last_at) -%}
    (unix_micros({{ last_at }}) - unix_micros({{ first_at }}))
{%- endmacro %}

{% macro duckdb__microseconds_between(first_at, last_at) -%}
    (epoch_us({{ last_at }}) - epoch_us({{ first_at }}))
{%- endmacro %}

{#- 1 is Monday, 7 is Sunday. -#}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}

{% macro default__iso_weekday(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}

{% macro duckdb__iso_weekday(day) -%}
    isodow({{ day }})
{%- endmacro %}
