{#- The fields of an object's payload, in this order; sync_problems checks the seeds against them. -#}
{% macro sync_fields() %}
    {{ return({
        'account_health': {
            'sync_key': 'text', 'is_withdrawn': 'flag', 'account_id': 'text', 'status': 'text', 'score': 'number',
            'band': 'text', 'band_reason': 'text', 'change_7d': 'number',
            'top_driver_up': 'text', 'top_driver_down': 'text',
        },
        'milestone': {
            'sync_key': 'text', 'is_withdrawn': 'flag', 'account_id': 'text', 'milestone_id': 'text',
            'journey': 'text', 'milestone': 'text', 'persona': 'text', 'owner_role': 'text', 'status': 'text',
            'due_on': 'text', 'achieved_on': 'text',
        },
        'task': {
            'sync_key': 'text', 'is_withdrawn': 'flag', 'account_id': 'text', 'play_id': 'text',
            'play_name': 'text', 'tier': 'number', 'reason': 'text', 'owner_role': 'text', 'owner_id': 'text',
            'channel': 'text', 'script_name': 'text', 'is_high_risk': 'flag', 'priority': 'number',
            'opened_on': 'text', 'due_at': 'time', 'status': 'text', 'closed_on': 'text', 'outcome': 'text',
        },
    }) }}
{% endmacro %}

{#- A JSON object of columns as text, with the column names as keys, identical on every engine. Control characters, which no id or
    name needs, become spaces. -#}
{% macro json_object(fields) -%}
    {%- set object -%}
        '{'
        {%- for name, kind in fields.items() %}
        || '{{ ', ' if not loop.first }}"{{ name }}": ' || {{ json_value(name, kind) }}
        {%- endfor %}
        || '}'
    {%- endset -%}
    {{ without_controls(object) }}
{%- endmacro %}

{% macro json_value(column, kind) -%}
    {%- if kind == 'flag' -%}
    case when {{ column }} then 'true' else 'false' end
    {%- elif kind == 'number' -%}
    coalesce(cast({{ column }} as {{ dbt.type_string() }}), 'null')
    {%- elif kind == 'time' -%}
    coalesce(
        '"' || replace(left(cast({{ column }} as {{ dbt.type_string() }}), 19), ' ', 'T') || 'Z"', 'null'
    )
    {%- else -%}
    coalesce('"' || {{ json_escaped(column) }} || '"', 'null')
    {%- endif -%}
{%- endmacro %}

{#- Backslashes and quotes are escaped. -#}
{% macro json_escaped(column) -%}
    replace(
        replace(cast({{ column }} as {{ dbt.type_string() }}), chr(92), chr(92) || chr(92)),
        '"', chr(92) || '"'
    )
{%- endmacro %}

{#- The tables that the sender writes, described in models/marts/sync/_sources.yml. -#}
{% macro create_sync_log() %}
    {% set text = dbt.type_string() %}
    {% set change -%}
        destination {{ text }}, object_type {{ text }}, sync_key {{ text }}, change_id {{ text }}, sequence_number bigint,
        payload_hash {{ text }}
    {%- endset %}
    {% for table, columns in {
        'sync_attempts': 'known_at timestamp, as_of date, attempt_number bigint, started_at timestamp, '
            ~ 'finished_at timestamp, status ' ~ text ~ ', http_status bigint, error ' ~ text,
        'sync_acknowledgements': 'known_at timestamp, as_of date, acknowledged_at timestamp',
        'sync_dead_letters': 'payload ' ~ text ~ ', http_status bigint, reason ' ~ text ~ ', refused_at timestamp',
    }.items() %}
        {% do run_query(
            'create table if not exists ' ~ target.schema ~ '.' ~ table ~ ' (' ~ change ~ ', ' ~ columns ~ ')'
        ) %}
    {% endfor %}
{% endmacro %}
