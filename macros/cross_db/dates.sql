{#- One row per day from the first to the last, both included; used in a select list. -#}
{% macro each_day(first_day, last_day) %}{{ return(adapter.dispatch('each_day')(first_day, last_day)) }}{% endmacro %}

{% macro default__each_day(first_day, last_day) -%}
    explode(sequence({{ first_day }}, {{ last_day }}))
{%- endmacro %}

{% macro duckdb__each_day(first_day, last_day) -%}
    cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval 1 day)) as date)
{%- endmacro %}

{% macro postgres__each_day(first_day, last_day) -%}
    cast(
        generate_series(
            cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp), interval '1 day'
        ) as date
    )
{%- endmacro %}

{% macro snowflake__each_day(first_day, last_day) -%}
    ({{ first_day }} + cast(each_day.value as integer))
{%- endmacro %}

{% macro bigquery__each_day(first_day, last_day) -%}
    each_day
{%- endmacro %}

{#- Ends the from clause of such a select, for engines that multiply rows there. -#}
{% macro from_each_day(first_day, last_day) %}{{ return(adapter.dispatch('from_each_day')(first_day, last_day)) }}{% endmacro %}

{% macro default__from_each_day(first_day, last_day) %}{% endmacro %}

{% macro snowflake__from_each_day(first_day, last_day) -%}
    , lateral flatten(
        input => array_generate_range(0, datediff('day', {{ first_day }}, {{ last_day }}) + 1)
    ) as each_day
{%- endmacro %}

{% macro bigquery__from_each_day(first_day, last_day) %}
    cross join unnest(generate_date_array({{ first_day }}, {{ last_day }})) as each_day
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

{% macro postgres__days_between(first_day, last_day) -%}
    cast({{ last_day }} - {{ first_day }} as bigint)
{%- endmacro %}

{% macro snowflake__days_between(first_day, last_day) -%}
    datediff('day', {{ first_day }}, {{ last_day }})
{%- endmacro %}

{% macro bigquery__days_between(first_day, last_day) -%}
    date_diff({{ last_day }}, {{ first_day }}, day)
{%- endmacro %}

{% macro microseconds_between(first_at, last_at) %}{{ return(adapter.dispatch('microseconds_between')(first_at, last_at)) }}{% endmacro %}

{% macro default__microseconds_between(first_at, last_at) -%}
    (unix_micros({{ last_at }}) - unix_micros({{ first_at }}))
{%- endmacro %}

{% macro duckdb__microseconds_between(first_at, last_at) -%}
    (epoch_us({{ last_at }}) - epoch_us({{ first_at }}))
{%- endmacro %}

{% macro postgres__microseconds_between(first_at, last_at) -%}
    cast(extract(epoch from {{ last_at }} - {{ first_at }}) * 1000000 as bigint)
{%- endmacro %}

{% macro snowflake__microseconds_between(first_at, last_at) -%}
    datediff('microsecond', {{ first_at }}, {{ last_at }})
{%- endmacro %}

{% macro bigquery__microseconds_between(first_at, last_at) -%}
    timestamp_diff({{ last_at }}, {{ first_at }}, microsecond)
{%- endmacro %}

{#- 1 is Monday, 7 is Sunday. -#}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}

{% macro default__iso_weekday(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}

{% macro duckdb__iso_weekday(day) -%}
    isodow({{ day }})
{%- endmacro %}

{% macro postgres__iso_weekday(day) -%}
    cast(extract(isodow from {{ day }}) as integer)
{%- endmacro %}

{% macro snowflake__iso_weekday(day) -%}
    dayofweekiso({{ day }})
{%- endmacro %}

{% macro bigquery__iso_weekday(day) -%}
    (mod(extract(dayofweek from {{ day }}) + 5, 7) + 1)
{%- endmacro %}

{#- The first day of the month or the ISO week of a day. -#}
{% macro first_day_of(period, day) %}{{ return(adapter.dispatch('first_day_of')(period, day)) }}{% endmacro %}

{% macro default__first_day_of(period, day) -%}
    cast({{ dbt.date_trunc(period, day) }} as date)
{%- endmacro %}

{% macro snowflake__first_day_of(period, day) -%}
    {{ 'dateadd(day, 1 - dayofweekiso(' ~ day ~ '), ' ~ day ~ ')' if period == 'week' else default__first_day_of(period, day) }}
{%- endmacro %}

{% macro bigquery__first_day_of(period, day) -%}
    date_trunc({{ day }}, {{ 'isoweek' if period == 'week' else period }})
{%- endmacro %}

{#- A moment plus a number of units. The count is a number or a column of whole numbers; the unit is microsecond, second, minute or
    hour. -#}
{% macro add_time(moment, count, unit) %}{{ return(adapter.dispatch('add_time')(moment, count, unit)) }}{% endmacro %}

{% macro default__add_time(moment, count, unit) -%}
    {{ moment }} + {{ 'interval ' ~ count if count is number and count > 0 else count ~ ' * interval 1' }} {{ unit }}
{%- endmacro %}

{% macro postgres__add_time(moment, count, unit) -%}
    {{ moment }} + {{ count }} * interval '1 {{ unit }}'
{%- endmacro %}

{% macro snowflake__add_time(moment, count, unit) -%}
    timestampadd('{{ unit }}', {{ count }}, {{ moment }})
{%- endmacro %}

{% macro bigquery__add_time(moment, count, unit) -%}
    timestamp_add({{ moment }}, interval {{ count }} {{ unit }})
{%- endmacro %}
