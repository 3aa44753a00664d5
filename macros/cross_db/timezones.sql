{#- The local time of a timezone at a moment in UTC, and back. Engines refuse unknown names, so the name comes from the timezones
    seed. A local time that is skipped or comes twice is read as the engine reads it. -#}
{% macro local_time(moment, timezone) %}{{ return(adapter.dispatch('local_time')(moment, timezone)) }}{% endmacro %}

{% macro default__local_time(moment, timezone) -%}
    from_utc_timestamp({{ moment }}, {{ timezone }})
{%- endmacro %}

{% macro duckdb__local_time(moment, timezone) -%}
    timezone({{ timezone }}, timezone('UTC', {{ moment }}))
{%- endmacro %}

{% macro postgres__local_time(moment, timezone) -%}
    timezone({{ timezone }}, timezone('UTC', {{ moment }}))
{%- endmacro %}

{% macro snowflake__local_time(moment, timezone) -%}
    convert_timezone('UTC', {{ timezone }}, {{ moment }})
{%- endmacro %}

{% macro bigquery__local_time(moment, timezone) -%}
    timestamp(datetime({{ moment }}, {{ timezone }}))
{%- endmacro %}

{% macro utc_time(wall_clock, timezone) %}{{ return(adapter.dispatch('utc_time')(wall_clock, timezone)) }}{% endmacro %}

{% macro default__utc_time(wall_clock, timezone) -%}
    to_utc_timestamp({{ wall_clock }}, {{ timezone }})
{%- endmacro %}

{% macro duckdb__utc_time(wall_clock, timezone) -%}
    timezone('UTC', timezone({{ timezone }}, {{ wall_clock }}))
{%- endmacro %}

{% macro postgres__utc_time(wall_clock, timezone) -%}
    timezone('UTC', timezone({{ timezone }}, {{ wall_clock }}))
{%- endmacro %}

{% macro snowflake__utc_time(wall_clock, timezone) -%}
    convert_timezone({{ timezone }}, 'UTC', {{ wall_clock }})
{%- endmacro %}

{% macro bigquery__utc_time(wall_clock, timezone) -%}
    timestamp(datetime({{ wall_clock }}), {{ timezone }})
{%- endmacro %}
